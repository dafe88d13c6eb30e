"""Streams: what breaks off says so in the stream, and is not asked for again."""

import asyncio

import aiohttp
import anthropic
import openai
import pytest
from e2e_kit import (
    SECRET,
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
)
from e2e_kit.streaming import BREAKS, SHAPES, plain_config, routed_config, same_bytes, streamed


@pytest.fixture(scope="module")
def plain(shared_serve: Serve, shared_sim: Sim) -> Served:
    return shared_serve(plain_config(shared_sim.url))


@pytest.fixture(scope="module")
def routed(shared_serve: Serve, shared_sim: Sim) -> Served:
    return shared_serve(routed_config(shared_sim.url))


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
