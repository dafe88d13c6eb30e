"""Streams through the running proxy: byte for byte while all is well, in-band and never silent when it is not."""

import asyncio
import re
from typing import Any

import aiohttp
import anthropic
import openai
import pytest
from e2e_kit import (
    BODIES,
    SECRET,
    STREAM_HEAD,
    Answer,
    RawRequest,
    Serve,
    Served,
    Sim,
    body_for,
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

DEADLINES = {"idle_s": 0.7, "first_event_s": 1.5, "total_s": 20}
SHAPES = list(BODIES)


@pytest.fixture(scope="module")
def plain(shared_serve: Serve, shared_sim: Sim) -> Served:
    """No models: what the client names is asked for. Anthropic's paths go to the same simulation."""
    providers = {"sim": {"base_url": shared_sim.url}, "claude": {"base_url": shared_sim.url, "dialect": "anthropic"}}
    return shared_serve(proxy_config(shared_sim.url, providers=providers, upstream=DEADLINES))


@pytest.fixture(scope="module")
def routed(shared_serve: Serve, shared_sim: Sim) -> Served:
    """Models with a fallback behind a target that fails."""
    faults = ("error-first-event", "hang-after-headers", "cut-midstream-0", "cut-midstream-4", "html-200", "empty-200")
    models = {f"{fault}-then-good": {"targets": [f"sim/fault-{fault}", "sim/gpt-4o"]} for fault in faults}
    return shared_serve(proxy_config(shared_sim.url, models=models, upstream=DEADLINES))


@pytest.fixture(scope="module")
def counting(shared_serve: Serve, shared_sim: Sim) -> Served:
    """Asks for usage on its own account."""
    upstream = {**DEADLINES, "stream_usage": "always"}
    return shared_serve(proxy_config(shared_sim.url, upstream=upstream))


async def streamed(
    http: aiohttp.ClientSession, root: str, shape: str, model: str, test_id: str = "", **more: Any
) -> Answer:
    """A streamed request in a shape; the whole answer, which must end as HTTP wants it."""
    headers = {"x-test-id": test_id} if test_id else {}
    return await send(http, root + BODIES[shape][0], body_for(shape, model, stream=True, **more), headers=headers)


_IDS = (
    (re.compile(rb"(chatcmpl-sim-|cmpl-sim-|resp_sim_|msg_sim_)[0-9a-f]+"), rb"\1ID"),
    (re.compile(rb'"(created|created_at|completed_at)":\d+(\.\d+)?'), rb'"\1":0'),
)


def same_bytes(body: bytes) -> bytes:
    """The bytes without what differs between any two calls."""
    for pattern, instead in _IDS:
        body = pattern.sub(instead, body)
    return body


# 1. Headers, and each chunk at once.


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


# 2. Whatever the spelling, the bytes stay.

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


# 3. The first-event gate.


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


# 4. and 5. What breaks off says so in the stream, and is not asked for again.

BREAKS = [
    "fault-cut-midstream-4",
    "fault-reset-midstream-4",
    "fault-cut-midframe-4",
    "fault-cut-close-delimited-4",
    "fault-clean-end-no-finish",
    "fault-hang-midstream-4",
]
ENDINGS = ("[DONE]", "message_stop", "response.completed")


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("model", BREAKS)
async def test_break_is_told_in_band(
    http: aiohttp.ClientSession, plain: Served, shared_sim: Sim, model: str, shape: str
) -> None:
    test_id = fresh()
    # An in-band error is followed by a proper end of the body: aiohttp raises otherwise.
    answer = await streamed(http, plain.url, shape, model, test_id)
    assert answer.status == 200
    found = events(answer.body)
    last = found[-1].json()
    assert isinstance(last["error"], dict) and last["error"]["message"]
    if shape == "messages":
        assert found[-1].name == "error" and last["type"] == "error" and last["error"]["type"] and last["request_id"]
    elif shape == "responses":
        assert last["type"] == "error" and last["message"] and "code" in last
    else:
        assert set(last) == {"error"} and {"message", "type", "param", "code"} <= set(last["error"])
    assert not any(event.data == "[DONE]" or event.name in ENDINGS for event in found)
    assert not any('"finish_reason":"' in event.data for event in found)
    for event in found[:-1]:
        event.json()
    entries = shared_sim.entries(test_id)
    assert len(entries) == 1, "nothing is repeated after the first byte"


@pytest.mark.parametrize("shape", ["chat", "completions", "responses"])
@pytest.mark.parametrize("model", ["fault-cut-midframe-4", "fault-hang-midstream-4", "fault-cut-close-delimited-4"])
async def test_the_openai_client_raises(plain: Served, shape: str, model: str) -> None:
    async with openai.AsyncOpenAI(base_url=plain.url, api_key=SECRET, max_retries=3) as client:
        with pytest.raises(openai.APIError):
            if shape == "chat":
                async for _ in await client.chat.completions.create(
                    model=model, messages=[{"role": "user", "content": "hi"}], stream=True
                ):
                    pass
            elif shape == "completions":
                async for _ in await client.completions.create(model=model, prompt="hi", stream=True):
                    pass
            else:
                async for _ in await client.responses.create(model=model, input="hi", stream=True):
                    pass


@pytest.mark.parametrize("model", ["fault-cut-midframe-4", "fault-hang-midstream-4", "fault-cut-close-delimited-4"])
async def test_the_anthropic_client_raises(plain: Served, model: str) -> None:
    async with anthropic.AsyncAnthropic(base_url=plain.root, api_key=SECRET, max_retries=3) as client:
        with pytest.raises(anthropic.APIError):
            async with client.messages.stream(
                model=model, max_tokens=100, messages=[{"role": "user", "content": "hi"}]
            ) as stream:
                async for _ in stream:
                    pass


async def test_the_connection_lives_on_after_an_in_band_error(http: aiohttp.ClientSession, plain: Served) -> None:
    """The body ended properly, and nothing said `Connection: close`: the client will use the connection again."""
    for _ in range(4):
        await streamed(http, plain.url, "chat", "fault-cut-midstream-4")
        answer = await streamed(http, plain.url, "chat", "gpt-4o")
        assert answer.status == 200


@pytest.mark.parametrize("shape", SHAPES)
async def test_providers_own_error_in_stream_passes_once(
    http: aiohttp.ClientSession, plain: Served, shared_sim: Sim, shape: str
) -> None:
    through = await streamed(http, plain.url, shape, "fault-error-in-stream-4")
    direct = await streamed(http, shared_sim.url, shape, "fault-error-in-stream-4")
    assert same_bytes(through.body) == same_bytes(direct.body)


async def test_no_fallback_after_the_first_event(http: aiohttp.ClientSession, routed: Served, shared_sim: Sim) -> None:
    test_id = fresh()
    answer = await streamed(http, routed.url, "chat", "cut-midstream-4-then-good", test_id)
    assert "error" in events(answer.body)[-1].json()
    assert len(shared_sim.entries(test_id)) == 1


async def test_the_whole_deadline_ends_a_stream_in_band(
    http: aiohttp.ClientSession, serve: Serve, shared_sim: Sim
) -> None:
    proxy = await asyncio.to_thread(serve, proxy_config(shared_sim.url, upstream={"total_s": 1, "idle_s": 5}))
    answer = await streamed(http, proxy.url, "chat", "fault-slow-tokens-100")
    assert "error" in events(answer.body)[-1].json()
    assert b"[DONE]" not in answer.body


async def test_cut_inside_a_huge_event(http: aiohttp.ClientSession, serve: Serve) -> None:
    """A large event goes on piece by piece: after a cut the error must still be an event of its own."""
    half = b'data: {"choices":[{"index":0,"delta":{"content":"' + b"x" * 300_000

    async def answer(_: RawRequest, writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM_HEAD + chunk(delta("first")))
        await writer.drain()
        writer.write(chunk(half))
        await writer.drain()

    async with raw_provider(answer) as provider:
        proxy = await asyncio.to_thread(serve, proxy_config(provider.url))
        found = await send(http, proxy.url + "/chat/completions", chat(stream=True))
        assert "error" in events(found.body)[-1].json()


async def test_cut_inside_a_passed_through_stream(http: aiohttp.ClientSession, serve: Serve) -> None:
    """Streams of paths the proxy does not know are raw bytes; a cut in mid-event must be readable there too."""

    async def answer(_: RawRequest, writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM_HEAD + chunk(b'data: {"a":1}\n\ndata: {"hal'))
        await writer.drain()

    async with raw_provider(answer) as provider:
        proxy = await asyncio.to_thread(serve, proxy_config(provider.url))
        found = await send(http, proxy.url + "/threads/t_1/runs", {"stream": True})
        assert "error" in events(found.body)[-1].json()


async def test_headers_of_a_passed_through_stream(http: aiohttp.ClientSession, serve: Serve) -> None:
    async def answer(_: RawRequest, writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM_HEAD + chunk(b'data: {"a":1}\n\n') + chunk(b""))
        await writer.drain()

    async with raw_provider(answer) as provider:
        proxy = await asyncio.to_thread(serve, proxy_config(provider.url))
        found = await send(http, proxy.url + "/threads/t_1/runs", {"stream": True})
        assert found.body == b'data: {"a":1}\n\n'
        assert "no-cache" in found.headers["cache-control"] or "no-store" in found.headers["cache-control"]
        assert found.headers["x-accel-buffering"] == "no"


# 6. Usage that only the proxy asked for.


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


# 8. After the end.


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
