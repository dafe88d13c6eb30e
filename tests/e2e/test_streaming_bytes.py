"""Streams: headers, each chunk at once, and whatever the spelling, the bytes stay the provider's."""

import asyncio
from typing import Any

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
    proxy_config,
    raw_provider,
    send,
)
from e2e_kit.streaming import SHAPES, plain_config, same_bytes, streamed


@pytest.fixture(scope="module")
def plain(shared_serve: Serve, shared_sim: Sim) -> Served:
    return shared_serve(plain_config(shared_sim.url))


@pytest.mark.parametrize("shape", SHAPES)
async def test_headers(http: aiohttp.ClientSession, plain: Served, shape: str) -> None:
    answer = await streamed(http, plain.url, shape, "gpt-4o")
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert "no-cache" in answer.headers["cache-control"]
    assert answer.headers["x-accel-buffering"] == "no"
    assert "content-encoding" not in answer.headers
    assert "authorization" in answer.headers["vary"].lower()
    assert answer.headers["x-request-id"] and answer.headers["x-tailrace-request-id"]


async def test_no_compression_though_asked_for(http: aiohttp.ClientSession, plain: Served) -> None:
    headers = {"accept-encoding": "gzip, deflate, br, zstd"}
    answer = await send(http, plain.url + "/chat/completions", chat(stream=True), headers=headers)
    assert "content-encoding" not in answer.headers
    assert events(answer.body)[-1].data == "[DONE]"


@pytest.mark.parametrize("config", ["plain", "hides_usage"])
async def test_each_chunk_is_written_at_once(http: aiohttp.ClientSession, serve: Serve, config: str) -> None:
    sent: list[int] = []
    arrived: asyncio.Queue[None] = asyncio.Queue()

    async def answer(_: RawRequest, writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM_HEAD)
        for number in range(6):
            sent.append(number)
            writer.write(chunk(delta(f"part {number}")))
            await writer.drain()
            # The next part is not sent before the client has this one.
            async with asyncio.timeout(5):
                await arrived.get()
        writer.write(chunk(delta("", "stop")) + chunk(b"data: [DONE]\n\n") + chunk(b""))
        await writer.drain()

    async with raw_provider(answer) as provider:
        upstream = {"stream_usage": "always"} if config == "hides_usage" else {}
        proxy = await asyncio.to_thread(serve, proxy_config(provider.url, upstream=upstream))
        got, seen = b"", 0
        async with http.post(proxy.url + "/chat/completions", json=chat(stream=True)) as response:
            async with asyncio.timeout(10):
                while b"[DONE]" not in got:
                    got += await response.content.readany()
                    while seen < got.count(b"part "):
                        seen += 1
                        assert len(sent) == seen
                        arrived.put_nowait(None)
        assert seen == 6


async def test_head_comes_with_the_first_event(http: aiohttp.ClientSession, plain: Served) -> None:
    async with http.post(
        plain.url + "/chat/completions", json=chat("fault-slow-tokens-50", "[[sim: tokens=12]]", stream=True)
    ) as response:
        first = await response.content.readany()
        assert len(events(first)) == 1
        rest = await response.read()
    assert events(rest)[-1].data == "[DONE]"


# Whatever the spelling, the bytes stay.

SPELLINGS = [
    "gpt-4o",
    "fault-crlf",
    "fault-cr",
    "fault-bom",
    "fault-comment-first-20",
    "fault-split-bytes",
    "fault-huge-event-3",
    "fault-many-events-3000",
    "fault-empty-choices-first",
    "fault-no-done",
    "fault-slow-body-1",
]


@pytest.mark.parametrize("model", SPELLINGS)
async def test_bytes_are_the_providers(http: aiohttp.ClientSession, plain: Served, shared_sim: Sim, model: str) -> None:
    only_chat = ("fault-empty-choices-first", "fault-no-done", "fault-slow-body-1")
    shapes = ["chat"] if model in only_chat else SHAPES
    for shape in shapes:
        through, direct = await asyncio.gather(
            streamed(http, plain.url, shape, model), streamed(http, shared_sim.url, shape, model)
        )
        assert through.status == direct.status == 200
        assert same_bytes(through.body) == same_bytes(direct.body), shape
        assert through.headers["content-type"] == direct.headers["content-type"]


@pytest.mark.parametrize(
    "more",
    [
        {"stream_options": {"include_usage": True}},
        {"stream_options": {"include_usage": True}, "n": 3},
        {"logprobs": True, "top_logprobs": 2},
        {"messages": [{"role": "user", "content": "[[sim: reasoning=12 tokens=20]]"}]},
        {"messages": [{"role": "user", "content": '[[sim: refusal="I will not"]]'}]},
        {"messages": [{"role": "user", "content": "[[sim: finish=content_filter tokens=5]]"}]},
        {"messages": [{"role": "user", "content": '[[sim: text="schöne Grüße 🌊 ﷽ 漢字 [DONE] data: x"]]'}]},
    ],
    ids=["usage", "usage-n3", "logprobs", "reasoning", "refusal", "content_filter", "unicode-and-done-in-text"],
)
@pytest.mark.parametrize("model", ["gpt-4o", "fault-split-bytes"])
async def test_every_field_survives(
    http: aiohttp.ClientSession, plain: Served, shared_sim: Sim, model: str, more: dict[str, Any]
) -> None:
    body = {**chat(model, stream=True), **more}
    through, direct = await asyncio.gather(
        send(http, plain.url + "/chat/completions", body), send(http, shared_sim.url + "/chat/completions", body)
    )
    assert same_bytes(through.body) == same_bytes(direct.body)
    assert events(through.body)[-1].data == "[DONE]"


TOOL = {"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object", "properties": {}}}}


@pytest.mark.parametrize("model", ["gpt-4o", "fault-bad-tool-deltas"])
async def test_tool_deltas(http: aiohttp.ClientSession, plain: Served, shared_sim: Sim, model: str) -> None:
    body = chat(model, "[[sim: rounds=2 parallel=3]]", stream=True, tools=[TOOL])
    through = await send(http, plain.url + "/chat/completions", body)
    direct = await send(http, shared_sim.url + "/chat/completions", body)
    assert "tool_calls" in through.body.decode()
    assert [e.data.count("tool_calls") for e in events(through.body)] == [
        e.data.count("tool_calls") for e in events(direct.body)
    ]
    assert len(through.body) == len(direct.body)


async def test_split_inside_characters_and_line_ends(http: aiohttp.ClientSession, serve: Serve) -> None:
    """Every cut position of a nasty stream, each in a connection of its own."""
    nasty = (
        '\ufeff: hello\r\n\r\nid: 7\r\nretry: 10\r\nunknown: x\r\ndata:{"choices":[{"index":0,"delta":'
        '{"content":"é🌊"},\r\ndata: "finish_reason":null}]}\r\n\r\n'
        'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\r\rdata: [DONE]\n\n'
    ).encode()

    async def answer(request: RawRequest, writer: asyncio.StreamWriter) -> None:
        cut = int(request.header("x-cut") or 0)
        writer.write(STREAM_HEAD + chunk(nasty[:cut]))
        await writer.drain()
        await asyncio.sleep(0.002)
        writer.write(chunk(nasty[cut:]) + chunk(b""))
        await writer.drain()

    async with raw_provider(answer) as provider:
        proxy = await asyncio.to_thread(serve, proxy_config(provider.url))

        async def one(cut: int) -> tuple[int, bytes]:
            headers = {"x-cut": str(cut)}
            found = await send(http, proxy.url + "/chat/completions", chat(stream=True), headers=headers)
            return cut, found.body

        for begin in range(1, len(nasty), 40):
            for cut, body in await asyncio.gather(*(one(c) for c in range(begin, min(begin + 40, len(nasty))))):
                assert body == nasty, f"cut at {cut}: {nasty[:cut][-12:]!r}|{nasty[cut:][:12]!r}"
