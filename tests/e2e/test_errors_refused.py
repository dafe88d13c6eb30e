"""Errors: what the proxy itself refuses, and what it says when nobody answers behind it."""

import asyncio
from collections.abc import Iterator

import aiohttp
import openai
import pytest
from e2e_kit import (
    Serve,
    Served,
    Sim,
    chat,
    free_port,
    fresh,
    is_anthropic_error,
    is_openai_error,
    proxy_config,
    raw_exchange,
    send,
    split_answer,
)
from e2e_kit.errors import FAST, owned_proxy, plain_proxy, told_as_object


@pytest.fixture(scope="module")
def plain(shared_serve: Serve, shared_sim: Sim) -> Iterator[Served]:
    with plain_proxy(shared_serve, shared_sim) as served:
        yield served


@pytest.fixture(scope="module")
def owned(shared_serve: Serve, shared_sim: Sim) -> Iterator[Served]:
    with owned_proxy(shared_serve, shared_sim) as served:
        yield served


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/v2/chat/completions", 404),
        ("POST", "/chat/completions", 404),
        ("GET", "/metrics", 404),
        ("GET", "/v1/embeddings", 405),
        ("DELETE", "/v1/completions", 405),
        ("PUT", "/v1/embeddings", 405),
        ("OPTIONS", "/v1/completions", 405),
    ],
)
async def test_paths_and_methods(
    http: aiohttp.ClientSession, plain: Served, method: str, path: str, status: int
) -> None:
    answer = await send(http, plain.root + path, method=method)
    assert answer.status == status
    told_as_object(answer)
    if status == 405:
        assert answer.headers["allow"] == "POST"


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/messages/count_tokens"])
async def test_405_in_anthropics_shape(http: aiohttp.ClientSession, plain: Served, path: str) -> None:
    answer = await send(http, plain.root + path, method="GET")
    assert answer.status == 405
    assert is_anthropic_error(answer.json()), answer.body


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'"x"',
        b"null",
        b'{"model":7,"messages":[]}',
        b'{"messages":[]}',
        b'{"model":"","messages":[]}',
        b'{"model":"gpt-4o","stream":"yes","messages":[]}',
        b'\xff\xfe{"model":"x"}',
        b'\xef\xbb\xbf{"model":"gpt-4o","messages":[]}',
        b'{"model":"gpt-4o","x":"\xff"}',
    ],
)
@pytest.mark.parametrize("path", ["/chat/completions", "/messages"])
async def test_bodies_that_are_no_requests(
    http: aiohttp.ClientSession, plain: Served, shared_sim: Sim, path: str, body: bytes
) -> None:
    test_id = fresh()
    answer = await send(http, plain.url + path, data=body, headers={"x-test-id": test_id}, method="POST")
    assert answer.status == 400
    assert answer.headers["content-type"].startswith("application/json") and answer.headers["x-request-id"]
    told = answer.json()
    assert is_anthropic_error(told) if path == "/messages" else is_openai_error(told)
    assert not shared_sim.entries(test_id)


async def test_websocket_gets_426_at_once(plain: Served) -> None:
    head = (
        b"GET /v1/responses HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    status, headers, body = split_answer(await raw_exchange(plain.port, head))
    assert status == 426 and headers["x-request-id"]
    assert b'"error"' in body


async def test_unknown_model_is_404(http: aiohttp.ClientSession, owned: Served) -> None:
    for path, body in (
        ("/chat/completions", chat("no-such-model-sk-pasted")),
        ("/embeddings", {"model": "no-such", "input": "x"}),
    ):
        answer = await send(http, owned.url + path, body)
        assert answer.status == 404
        error = told_as_object(answer)
        assert error["code"] == "model_not_found" and error["param"] == "model"
        assert b"sk-pasted" not in answer.body
    async with openai.AsyncOpenAI(base_url=owned.url, api_key="x", max_retries=0) as client:
        with pytest.raises(openai.NotFoundError):
            await client.chat.completions.create(model="no-such", messages=[{"role": "user", "content": "hi"}])
    answer = await send(http, owned.url + "/messages", {"model": "x", "max_tokens": 1, "messages": []})
    assert answer.status == 404 and is_anthropic_error(answer.json())


async def test_model_named_twice_is_refused(http: aiohttp.ClientSession, owned: Served) -> None:
    for second in (b'"model":"fault-400"', b'"mod\\u0065l":"fault-400"'):
        raw = b'{"model":"gpt-4o","messages":[{"role":"user","content":"hi"}],' + second + b"}"
        answer = await send(http, owned.url + "/chat/completions", data=raw)
        assert answer.status == 400
        assert told_as_object(answer)["code"] == "duplicate_key"


async def test_unknown_skip_name_is_400(http: aiohttp.ClientSession, plain: Served) -> None:
    answer = await send(http, plain.url + "/chat/completions", chat(), headers={"x-tailrace-skip": "semantic_cash"})
    assert answer.status == 400
    assert told_as_object(answer)["param"] == "x-tailrace-skip"


async def test_loop_is_508(http: aiohttp.ClientSession, serve: Serve) -> None:
    port = free_port()
    proxy = await asyncio.to_thread(
        serve, proxy_config(f"http://127.0.0.1:{port}/v1", server={"port": port}, upstream=FAST)
    )
    for path, body in (("/chat/completions", chat()), ("/chat/completions", chat(stream=True)), ("/models", None)):
        answer = await send(http, proxy.url + path, body)
        assert answer.status == 508
        assert told_as_object(answer)["code"] == "loop_detected"
        assert answer.headers["x-should-retry"] == "false"


async def test_loop_through_two_proxies_is_508(http: aiohttp.ClientSession, serve: Serve) -> None:
    ports = free_port(), free_port()
    for mine, other in (ports, ports[::-1]):
        await asyncio.to_thread(
            serve, proxy_config(f"http://127.0.0.1:{other}/v1", server={"port": mine}, upstream=FAST)
        )
    answer = await send(http, f"http://127.0.0.1:{ports[0]}/v1/chat/completions", chat())
    assert answer.status == 508
    told_as_object(answer)


async def test_refused_connection_is_502(http: aiohttp.ClientSession, serve: Serve) -> None:
    proxy = await asyncio.to_thread(serve, proxy_config(f"http://127.0.0.1:{free_port()}/v1"))
    for path, body in (("/chat/completions", chat()), ("/chat/completions", chat(stream=True)), ("/files", None)):
        answer = await send(http, proxy.url + path, body)
        assert answer.status == 502
        assert told_as_object(answer)["code"] == "upstream_connect"
