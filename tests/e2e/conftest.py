"""Fixtures of the end-to-end tests: the running proxy as a process, a simulated provider, real clients in front.

`sim`, `serve` and `proxy` live for one test. `shared_sim` and `shared_serve` live for one module, so that a module
starts each of its proxies once.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import openai
import pytest

from tailrace.sim import RunningSim, SimSettings
from tailrace.sim import running as sim_running

sys.path.insert(0, str(Path(__file__).parent))
# What the kit asserts is told as fully as what a test asserts.
pytest.register_assert_rewrite("e2e_kit")

from e2e_kit import Serve, Served, Sim, proxy_config, serving, sim_thread  # noqa: E402


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Start proxies; each is killed at the end of the test."""
    with serving(tmp_path) as made:
        yield made


@pytest.fixture(scope="module")
def shared_serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """Start proxies; each is killed at the end of the module."""
    with serving(tmp_path_factory.mktemp("proxies")) as made:
        yield made


@pytest.fixture(scope="module")
def shared_sim() -> Iterator[Sim]:
    """A simulated provider without delays, in a thread, for the whole module."""
    with sim_thread() as made:
        yield made


@pytest.fixture
async def sim() -> AsyncIterator[RunningSim]:
    """A simulated provider without delays, in this process."""
    async with sim_running(SimSettings(first_token_ms=0, per_token_ms=0)) as running:
        yield running


@pytest.fixture
async def proxy(serve: Serve, sim: RunningSim) -> Served:
    """A proxy in front of `sim`, as it comes."""
    return await asyncio.to_thread(serve, proxy_config(sim.url))


@pytest.fixture
async def client(proxy: Served) -> AsyncIterator[openai.AsyncOpenAI]:
    """The official client, pointed at `proxy`, without its own retries."""
    async with openai.AsyncOpenAI(base_url=proxy.url, api_key="sk-client-test", max_retries=0) as made:
        yield made


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    """A plain HTTP client that changes nothing."""
    async with aiohttp.ClientSession(auto_decompress=False, connector=aiohttp.TCPConnector(limit=0)) as session:
        yield session
