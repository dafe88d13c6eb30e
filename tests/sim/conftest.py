"""A simulated provider without delays, and the clients that talk to it."""

import aiohttp
import pytest
from openai import AsyncOpenAI

from tailrace.sim import SimSettings, running

INSTANT = SimSettings(first_token_ms=0, per_token_ms=0)


@pytest.fixture
async def sim():
    async with running(INSTANT) as started:
        yield started


@pytest.fixture
async def client(sim):
    async with AsyncOpenAI(base_url=sim.url, api_key="sk-one", max_retries=0) as opened:
        yield opened


@pytest.fixture
async def http(sim):
    async with aiohttp.ClientSession(sim.url.removesuffix("/v1")) as session:
        yield session
