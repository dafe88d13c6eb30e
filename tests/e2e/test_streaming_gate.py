"""Streams: what fails before the first event is a status or a fallback, not a stream."""

import asyncio

import aiohttp
import pytest
from e2e_kit import (
    STREAM_HEAD,
    RawRequest,
    Serve,
    Served,
    Sim,
    chat,
    chunk,
    events,
    fresh,
    proxy_config,
    raw_provider,
    send,
)
from e2e_kit.streaming import DEADLINES, plain_config, routed_config, streamed


@pytest.fixture(scope="module")
def plain(shared_serve: Serve, shared_sim: Sim) -> Served:
    return shared_serve(plain_config(shared_sim.url))


@pytest.fixture(scope="module")
def routed(shared_serve: Serve, shared_sim: Sim) -> Served:
    return shared_serve(routed_config(shared_sim.url))


@pytest.mark.parametrize("shape", ["chat", "completions", "responses"])
async def test_error_as_first_event_is_a_status(http: aiohttp.ClientSession, plain: Served, shape: str) -> None:
    answer = await streamed(http, plain.url, shape, "fault-error-first-event")
    assert answer.status >= 500
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.json()["error"]["message"]
    assert answer.headers["x-request-id"]


async def test_error_as_first_event_is_a_status_for_anthropic(http: aiohttp.ClientSession, plain: Served) -> None:
    answer = await streamed(http, plain.url, "messages", "fault-error-first-event")
    assert answer.status >= 500
    assert answer.json()["type"] == "error"


@pytest.mark.parametrize(
    "fault", ["error-first-event", "hang-after-headers", "cut-midstream-0", "html-200", "empty-200"]
)
async def test_failure_before_the_first_event_is_a_fallback(
    http: aiohttp.ClientSession, routed: Served, shared_sim: Sim, fault: str
) -> None:
    test_id = fresh()
    answer = await streamed(http, routed.url, "chat", f"{fault}-then-good", test_id)
    assert answer.status == 200
    assert events(answer.body)[-1].data == "[DONE]"
    models = [entry["model"] for entry in shared_sim.entries(test_id)]
    assert models[0] == f"fault-{fault}" and models[-1] == "gpt-4o" and len(models) <= 3


async def test_comments_do_not_pass_the_gate(http: aiohttp.ClientSession, serve: Serve) -> None:
    """A provider that only ever sends comments has not begun to answer."""

    async def answer(_: RawRequest, writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM_HEAD)
        while True:
            writer.write(chunk(b": OPENROUTER PROCESSING\n\n"))
            await writer.drain()
            await asyncio.sleep(0.05)

    async with raw_provider(answer) as provider:
        proxy = await asyncio.to_thread(serve, proxy_config(provider.url, upstream=DEADLINES))
        found = await send(http, proxy.url + "/chat/completions", chat(stream=True))
        assert found.status == 504
        assert found.json()["error"]["code"] == "upstream_timeout"
