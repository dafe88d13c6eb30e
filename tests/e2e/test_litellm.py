"""The litellm dialect, with the real litellm talking Anthropic's protocol to the simulated provider."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest
from conftest import Serve, proxy_config

from tailrace.sim import RunningSim

HELLO: list[Any] = [{"role": "user", "content": "Tell me about tides."}]


@pytest.fixture
async def claude(serve: Serve, sim: RunningSim) -> AsyncIterator[openai.AsyncOpenAI]:
    """A client of a proxy whose only provider is behind litellm."""
    providers = {
        "claude": {
            "dialect": "litellm",
            "litellm_provider": "anthropic",
            "base_url": sim.url.removesuffix("/v1"),
            "api_key": "sk-ant-secret-of-the-operator",
        }
    }
    served = await asyncio.to_thread(serve, proxy_config(sim.url, providers=providers))
    async with openai.AsyncOpenAI(base_url=served.url, api_key="sk-client", max_retries=0, timeout=60) as made:
        yield made


async def test_chat_whole_streamed_and_refused(claude: openai.AsyncOpenAI, sim: RunningSim) -> None:
    whole = await claude.chat.completions.create(model="claude-sonnet-4-5", messages=HELLO, max_tokens=200)
    assert whole.choices[0].message.content and whole.usage is not None and whole.usage.completion_tokens > 0
    text, finish = "", None
    stream = await claude.chat.completions.create(
        model="claude-sonnet-4-5", messages=HELLO, max_tokens=200, stream=True
    )
    async for chunk in stream:
        for choice in chunk.choices:
            text += choice.delta.content or ""
            finish = choice.finish_reason or finish
    assert text == whole.choices[0].message.content
    assert finish == "stop"
    entries = sim.journal.entries(None, None)
    assert {entry["path"] for entry in entries} == {"/v1/messages"}

    with pytest.raises(openai.RateLimitError):
        await claude.chat.completions.create(model="fault-429", messages=HELLO, max_tokens=50)
    with pytest.raises(openai.InternalServerError) as refused:
        await claude.chat.completions.create(model="fault-401", messages=HELLO, max_tokens=50)
    assert refused.value.code == "upstream_auth"
    assert "secret" not in str(refused.value)
    with pytest.raises(openai.NotFoundError):
        await claude.completions.create(model="claude-sonnet-4-5", prompt="x")


async def test_body_cannot_redirect(claude: openai.AsyncOpenAI, sim: RunningSim) -> None:
    elsewhere = {"api_base": "http://127.0.0.1:1/", "base_url": "http://127.0.0.1:1/", "custom_llm_provider": "openai"}
    answer = await claude.chat.completions.create(
        model="claude-sonnet-4-5", messages=HELLO, max_tokens=50, extra_body=elsewhere
    )
    assert answer.choices[0].message.content
    assert sim.journal.entries(None, None)[-1]["path"] == "/v1/messages"
