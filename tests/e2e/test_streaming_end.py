"""Streams: usage that only the proxy asked for, and what comes after the end."""

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
    delta,
    events,
    fresh,
    proxy_config,
    raw_provider,
    send,
    until,
)
from e2e_kit.streaming import BREAKS, DEADLINES, plain_config, same_bytes, streamed


@pytest.fixture(scope="module")
def plain(shared_serve: Serve, shared_sim: Sim) -> Served:
    return shared_serve(plain_config(shared_sim.url))


@pytest.fixture(scope="module")
def counting(shared_serve: Serve, shared_sim: Sim) -> Served:
    """Asks for usage on its own account."""
    upstream = {**DEADLINES, "stream_usage": "always"}
    return shared_serve(proxy_config(shared_sim.url, upstream=upstream))


# Usage that only the proxy asked for.


@pytest.mark.parametrize("shape", ["chat", "completions"])
@pytest.mark.parametrize("model", ["gpt-4o", "fault-crlf", "fault-split-bytes", "fault-huge-event-1", "fault-no-done"])
async def test_usage_is_hidden_from_who_did_not_ask(
    http: aiohttp.ClientSession, counting: Served, shared_sim: Sim, shape: str, model: str
) -> None:
    test_id = fresh()
    through = await streamed(http, counting.url, shape, model, test_id, stream_options={"include_obfuscation": False})
    found = [event.json() for event in events(through.body) if event.data != "[DONE]"]
    assert all(not told.get("usage") for told in found)
    assert all(told["choices"] for told in found)
    [entry] = shared_sim.entries(test_id)
    assert entry["body"]["stream_options"] == {"include_obfuscation": False, "include_usage": True}
    direct = await streamed(http, shared_sim.url, shape, model)
    text = [c.get("text") or c.get("delta", {}).get("content") for t in found for c in t["choices"]]
    straight = [e.json() for e in events(direct.body) if e.data != "[DONE]"]
    assert text == [c.get("text") or c.get("delta", {}).get("content") for t in straight for c in t["choices"]]
    assert (events(through.body)[-1].data == "[DONE]") == (model != "fault-no-done")


async def test_usage_is_shown_to_who_asked(http: aiohttp.ClientSession, counting: Served, shared_sim: Sim) -> None:
    body = chat(stream=True, stream_options={"include_usage": True})
    through = await send(http, counting.url + "/chat/completions", body)
    direct = await send(http, shared_sim.url + "/chat/completions", body)
    assert same_bytes(through.body) == same_bytes(direct.body)
    assert events(through.body)[-2].json()["usage"]["total_tokens"] > 0


@pytest.mark.parametrize("model", BREAKS)
async def test_break_while_usage_is_hidden(http: aiohttp.ClientSession, counting: Served, model: str) -> None:
    answer = await streamed(http, counting.url, "chat", model)
    assert "error" in events(answer.body)[-1].json()
    assert b"[DONE]" not in answer.body


# After the end.


@pytest.mark.parametrize("model", ["fault-double-done", "fault-bytes-after-done"])
async def test_one_done_and_nothing_after(
    http: aiohttp.ClientSession, plain: Served, shared_sim: Sim, model: str
) -> None:
    test_id = fresh()
    for _ in range(5):
        answer = await streamed(http, plain.url, "chat", model, test_id)
        assert answer.body.count(b"[DONE]") == 1
        assert answer.body.endswith(b"data: [DONE]\n\n")
    connections = [entry["connection"] for entry in shared_sim.entries(test_id)]
    assert len(set(connections)) == 5, "a connection with bytes left in it is not used again"


async def test_connections_are_used_again_after_a_proper_end(
    http: aiohttp.ClientSession, plain: Served, shared_sim: Sim
) -> None:
    test_id = fresh()
    for _ in range(6):
        await streamed(http, plain.url, "chat", "gpt-4o", test_id)
    assert len({entry["connection"] for entry in shared_sim.entries(test_id)}) <= 2


async def test_client_sees_its_end_while_the_provider_dawdles(http: aiohttp.ClientSession, serve: Serve) -> None:
    """After [DONE] nothing more is waited for."""

    async def answer(_: RawRequest, writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM_HEAD + chunk(delta("all", "stop")) + chunk(b"data: [DONE]\n\n"))
        await writer.drain()
        await asyncio.sleep(60)

    async with raw_provider(answer) as provider:
        proxy = await asyncio.to_thread(serve, proxy_config(provider.url))
        baseline = proxy.descriptors()
        found = await send(http, proxy.url + "/chat/completions", chat(stream=True), timeout_s=5)
        assert events(found.body)[-1].data == "[DONE]"
        await until(lambda: proxy.descriptors() <= baseline + 1, what="the dawdling connection is closed")
