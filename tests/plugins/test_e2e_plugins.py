"""The built-in plugins in a running proxy: real sockets, the real client, the simulated provider."""

import asyncio
import hashlib
from contextlib import asynccontextmanager

import aiohttp
import openai
import pytest

from tailrace.app import running as proxy_running
from tailrace.config import Config, Loaded
from tailrace.config.load import Places
from tailrace.sim import SimSettings
from tailrace.sim import running as sim_running
from tailrace.wire import jsonio
from tailrace.wire.sse import FrameSplitter, parse

TEXT = "Ebb and flow, over and over, as the moon goes round."
HELLO = [{"role": "user", "content": f'Tides? [[sim: text="{TEXT}"]]'}]
PING = b": ping\n\n"


@pytest.fixture
async def sim():
    async with sim_running(SimSettings(first_token_ms=0, per_token_ms=0)) as started:
        yield started


@asynccontextmanager
async def serving(sim, *plugins, **upstream):
    """A proxy with these plugins, and a client of it."""
    config = Config(
        server={"port": 0},
        admin={"enabled": False},
        providers={"sim": {"base_url": sim.url}},
        upstream=upstream,
        plugins=list(plugins),
    )
    async with proxy_running(Loaded(config, Places())) as proxy:
        url = f"http://127.0.0.1:{proxy.port}/v1"
        async with openai.AsyncOpenAI(base_url=url, api_key="sk-x", max_retries=0) as client:
            yield client


async def raw(client, **payload):
    """The status, headers and body of a chat request."""
    async with aiohttp.ClientSession() as session:
        body = jsonio.dumps({"model": "gpt-4o", "messages": HELLO, **payload})
        async with session.post(f"{client.base_url}chat/completions", data=body) as response:
            return response.status, response.headers, await response.read()


async def until(condition):
    deadline = asyncio.get_running_loop().time() + 10
    while not condition():
        assert asyncio.get_running_loop().time() < deadline, "not within 10 s"
        await asyncio.sleep(0.01)


def frames(body):
    return [event for frame in FrameSplitter().feed(body) if not (event := parse(frame)).is_comment]


def text_of(body):
    chunks = [event.json for event in frames(body) if event.json]
    return "".join(c["delta"].get("content") or "" for chunk in chunks for c in chunk["choices"])


async def test_coalesced_text_is_the_same_in_fewer_events(sim):
    async with serving(sim) as client:
        _, _, plain = await raw(client, stream=True)
    async with serving(sim, {"stream": {"coalesce_chunks": 4, "coalesce_ms": 5000}}) as client:
        _, headers, body = await raw(client, stream=True)
    assert headers["x-tailrace-chain"] == "stream=coalesce"
    assert text_of(body) == text_of(plain) == TEXT
    assert len(frames(body)) < len(frames(plain)) - 3
    assert frames(body)[-1].is_done


async def test_a_client_that_builds_messages_is_content_with_text_only(sim):
    async with serving(sim, {"stream": {"text_only": True}}) as client:
        asked = {"model": "gpt-4o", "messages": HELLO}
        async with client.chat.completions.stream(**asked, stream_options={"include_usage": True}) as stream:
            slim = await stream.get_final_completion()
        _, headers, body = await raw(client, stream=True, logprobs=True)
    assert headers["x-tailrace-chain"] == "stream=text-only"
    assert (slim.choices[0].message.role, slim.choices[0].message.content) == ("assistant", TEXT)
    assert slim.choices[0].finish_reason == "stop"
    assert slim.usage.completion_tokens > 0
    assert b"logprobs" not in body
    assert b"system_fingerprint" not in body


async def test_tool_calls_come_through_every_option(sim):
    tool = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}, "strict": True}}
    tool["function"]["parameters"] |= {"properties": {}, "required": [], "additionalProperties": False}
    asked = {"model": "gpt-4o", "messages": [{"role": "user", "content": "[[sim: rounds=1]]"}], "tools": [tool]}
    options = {"coalesce_ms": 100, "text_only": True, "keep_alive_s": 60}
    async with serving(sim, {"stream": options}) as client, client.chat.completions.stream(**asked) as stream:
        answer = await stream.get_final_completion()
    [call] = answer.choices[0].message.tool_calls
    assert call.function.name == "look"
    assert answer.choices[0].finish_reason == "tool_calls"


async def test_pings_while_the_provider_thinks(sim):
    thinking = [{"role": "user", "content": f'[[sim: first=1300 text="{TEXT}"]]'}]
    async with serving(sim, {"stream": {"keep_alive_s": 1}}) as client:
        status, headers, body = await raw(client, messages=thinking, stream=True)
        stream = await client.chat.completions.create(model="gpt-4o", messages=thinking, stream=True)
        told = "".join([c.choices[0].delta.content or "" async for c in stream if c.choices])
    assert (status, headers["x-tailrace-chain"]) == (200, "stream=keep-alive")
    assert headers["content-type"].startswith("text/event-stream")
    assert body.startswith(PING + b"data: ")
    assert text_of(body) == told == TEXT


async def test_an_error_after_a_ping_reaches_the_client(sim):
    async with serving(sim, {"stream": {"keep_alive_s": 1}}, first_event_s=1.3, retries=0) as client:
        with pytest.raises(openai.APIError, match="did not begin to answer"):
            stream = await client.chat.completions.create(model="fault-hang", messages=HELLO, stream=True)
            [chunk async for chunk in stream]
        status, _, body = await raw(client, model="fault-hang", stream=True)
    assert status == 200
    assert body.startswith(PING)
    assert frames(body)[0].json["error"]["code"] == "upstream_timeout"
    assert b"[DONE]" not in body


async def test_an_error_before_the_first_ping_keeps_its_status(sim):
    async with serving(sim, {"stream": {"keep_alive_s": 60}}) as client:
        with pytest.raises(openai.BadRequestError):
            await client.chat.completions.create(model="fault-400", messages=HELLO, stream=True)


@pytest.mark.parametrize("after_ping", [False, True])
async def test_a_client_that_leaves_frees_the_provider(sim, after_ping):
    async with serving(sim, {"stream": {"keep_alive_s": 1 if after_ping else 60}}) as client:
        body = jsonio.dumps({"model": "fault-hang", "messages": HELLO, "stream": True})
        async with aiohttp.ClientSession() as session:
            asking = asyncio.ensure_future(session.post(f"{client.base_url}chat/completions", data=body))
            await until(lambda: sim.journal.entries(None, "fault-hang"))
            if after_ping:
                response = await asking
                assert await response.content.readuntil(b"\n\n") == PING
                response.close()
            else:
                asking.cancel()
        await until(lambda: sim.journal.entries(None, "fault-hang")[-1]["state"] == "aborted")


async def test_defaults_reach_the_provider(sim):
    rule = {"models": ["gpt-4*"], "max_tokens_cap": 20, "temperature": 0.5, "remove": ["seed"], "history_messages": 1}
    history = [{"role": "system", "content": "s"}, {"role": "user", "content": "old"}, *HELLO]
    async with serving(sim, {"defaults": {"rules": [rule]}}) as client:
        status, headers, _ = await raw(client, messages=history, max_tokens=999, seed=3)
        assert status == 200
        assert headers["x-tailrace-chain"] == "defaults=removed+defaulted+capped+shortened"
        sent = sim.journal.entries(None, None)[-1]["body"]
        assert sent == {"model": "gpt-4o", "messages": [history[0], *HELLO], "max_tokens": 20, "temperature": 0.5}
        with pytest.raises(openai.BadRequestError) as caught:
            await client.chat.completions.create(model="gpt-4o", messages=HELLO, max_tokens=-5)
        assert (caught.value.param, caught.value.code) == ("max_tokens", "invalid_value")


async def test_what_no_rule_fits_goes_on_byte_for_byte(sim):
    rules = {"rules": [{"models": ["other"], "temperature": 1}]}
    body = b'{ "messages": [{"role":"user","content":"hi \\u00e9"}], "model": "gpt-4o", "top_p": 1.0e0 }'
    async with (
        serving(sim, {"defaults": rules}, {"stream": {}}) as client,
        aiohttp.ClientSession() as session,
        session.post(f"{client.base_url}chat/completions", data=body) as response,
    ):
        chain = response.headers["x-tailrace-chain"]
    assert chain == "defaults=stood-aside(no-rule), stream=stood-aside(no-stream)"
    assert sim.journal.entries(None, None)[-1]["body_sha256"] == hashlib.sha256(body).hexdigest()
