"""The official client waits as it is told, and then succeeds; another tenant is not kept waiting."""

import asyncio
import time

import openai
import pytest
from e2e_kit import Serve, Sim, proxy_config


async def say(ai: openai.AsyncOpenAI, **more: object) -> str:
    messages = [{"role": "user", "content": 'Hello. [[sim: text="ok" delay=0 first=0]]'}]
    answer = await ai.chat.completions.create(model="gpt-4o", messages=messages, **more)  # type: ignore[call-overload]
    if more.get("stream"):
        return "".join([chunk.choices[0].delta.content or "" async for chunk in answer if chunk.choices])
    return str(answer.choices[0].message.content)


async def test_the_client_waits_as_it_is_told(serve: Serve, shared_sim: Sim) -> None:
    limits = {"limits": {"each_tenant": {"requests_per_minute": 60, "burst_requests": 2}}}
    made = await asyncio.to_thread(serve, proxy_config(shared_sim.url, plugins=[limits]))
    async with (
        openai.AsyncOpenAI(base_url=made.url, api_key="sk-one", max_retries=0) as hasty,
        openai.AsyncOpenAI(base_url=made.url, api_key="sk-one", max_retries=3) as patient,
        openai.AsyncOpenAI(base_url=made.url, api_key="sk-two", max_retries=0) as other,
    ):
        assert [await say(hasty), await say(hasty, stream=True)] == ["ok", "ok"]
        with pytest.raises(openai.RateLimitError) as refused:
            await say(hasty)
        assert refused.value.code == "rate_limit_exceeded" and "60 requests per minute" in refused.value.message
        headers = refused.value.response.headers
        assert 0 < int(headers["retry-after-ms"]) <= 1_000 and headers["x-ratelimit-remaining-requests"] == "0"
        assert await say(other) == "ok", "another tenant has its own"
        began = time.monotonic()
        assert await say(patient) == "ok"
        assert time.monotonic() - began > 0.05, "it has waited for its turn"


async def test_places_are_free_once_the_answer_is_read_or_left(serve: Serve, shared_sim: Sim) -> None:
    limits = {"limits": {"each_tenant": {"concurrency": 1}}}
    made = await asyncio.to_thread(serve, proxy_config(shared_sim.url, plugins=[limits]))
    async with openai.AsyncOpenAI(base_url=made.url, api_key="sk-one", max_retries=0) as ai:
        messages = [{"role": "user", "content": "Hello. [[sim: tokens=2000 delay=20 first=0]]"}]
        stream = await ai.chat.completions.create(model="gpt-4o", messages=messages, stream=True)  # type: ignore[arg-type]
        await anext(aiter(stream))
        with pytest.raises(openai.RateLimitError, match="at the same time"):
            await say(ai)
        await stream.close()
        async with asyncio.timeout(10):
            while True:
                try:
                    assert await say(ai) == "ok"
                    return
                except openai.RateLimitError:
                    await asyncio.sleep(0.05)
