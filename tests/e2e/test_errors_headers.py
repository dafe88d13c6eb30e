"""Errors: headers of one hop and ours stay here; bytes that must arrive do so as they were."""

import asyncio
import zlib
from collections.abc import Iterator

import aiohttp
import pytest
from e2e_kit import (
    COMPLETION,
    RawRequest,
    Serve,
    Served,
    Sim,
    chat,
    fresh,
    proxy_config,
    raw_exchange,
    raw_provider,
    send,
    split_answer,
    whole,
)
from e2e_kit.errors import POST, owned_proxy, plain_proxy


@pytest.fixture(scope="module")
def plain(shared_serve: Serve, shared_sim: Sim) -> Iterator[Served]:
    with plain_proxy(shared_serve, shared_sim) as served:
        yield served


@pytest.fixture(scope="module")
def owned(shared_serve: Serve, shared_sim: Sim) -> Iterator[Served]:
    with owned_proxy(shared_serve, shared_sim) as served:
        yield served


# Headers of one hop, and ours.


async def test_hop_by_hop_headers_towards_the_provider(plain: Served, shared_sim: Sim) -> None:
    test_id = fresh()
    lines = [
        "GET /v1/_echo HTTP/1.1",
        "Host: x",
        f"X-Test-Id: {test_id}",
        "Connection: x-one, keep-alive",
        "Connection: x-two",
        "X-One: 1",
        "X-Two: 2",
        "X-Three: 3",
        "Keep-Alive: timeout=5",
        "TE: trailers",
        "Trailer: x",
        "Upgrade: h2c",
        "Proxy-Connection: keep-alive",
        "Proxy-Authorization: Basic x",
        "Proxy-Authenticate: Basic",
        "Cookie: a=b",
        "Expect: 100-continue",
        "Traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "Baggage: user=alice",
        "X-Tailrace-Session: s",
        "X-Tailrace-Skip: ",
        "X-Tailrace-No-Store: 1",
        "X-Tailrace-Anything: 1",
        "OpenAI-Organization: org-1",
        "OpenAI-Beta: assistants=v2",
        "User-Agent: my-agent/1.0",
        "Idempotency-Key: k",
    ]
    raw = await raw_exchange(plain.port, "\r\n".join([*lines, "", ""]).encode())
    assert split_answer(raw)[0] == 200
    [entry] = shared_sim.entries(test_id)
    sent = {name.lower(): value for name, value in entry["headers"]}
    forbidden = {"keep-alive", "te", "trailer", "upgrade", "proxy-connection", "proxy-authorization", "cookie"}
    forbidden |= {"proxy-authenticate", "expect", "baggage", "x-one"}
    assert not forbidden & set(sent)
    assert not [name for name in sent if name.startswith("x-tailrace-") and name != "x-tailrace-hop"]
    assert sent["x-three"] == "3" and sent["openai-organization"] == "org-1" and sent["idempotency-key"] == "k"
    assert sent["user-agent"] == "my-agent/1.0" and sent["openai-beta"] == "assistants=v2"
    assert sent["traceparent"].split("-")[1] == "0af7651916cd43dd8448eb211c80319c"
    assert "b7ad6b7169203331" not in sent["traceparent"]
    assert "x-two" not in sent


@pytest.mark.parametrize("stream", [False, True])
async def test_hop_by_hop_headers_towards_the_client(
    http: aiohttp.ClientSession, owned: Served, shared_sim: Sim, stream: bool
) -> None:
    answer = await send(http, owned.url + "/chat/completions", chat("fault-header-junk", stream=stream))
    assert answer.status == 200
    names = {name.lower() for name in answer.headers}
    assert not names & {"x-foo", "keep-alive", "proxy-authenticate", "upgrade", "set-cookie"}
    assert answer.headers.getall("x-tailrace-cache") == ["bypass"], "our own, not the provider's forged one"
    direct = await send(http, shared_sim.url + "/chat/completions", chat("fault-header-junk"))
    assert direct.headers["x-foo"] and direct.headers["set-cookie"] and direct.headers["x-tailrace-cache"] == "forged"
    answer = await send(http, owned.url + "/files/file-bytes-9/content", headers={"x-sim-fault": "fault-header-junk"})
    names = {name.lower() for name in answer.headers}
    assert not names & {"x-foo", "keep-alive", "proxy-authenticate", "upgrade", "set-cookie", "x-tailrace-cache"}


async def test_second_connection_line_of_a_provider(http: aiohttp.ClientSession, serve: Serve) -> None:
    async def answer(_: RawRequest, writer: asyncio.StreamWriter) -> bool:
        writer.write(whole(COMPLETION, b"connection: keep-alive", b"connection: x-inner", b"x-inner: secret"))
        return True

    async with raw_provider(answer) as provider:
        proxy = await asyncio.to_thread(serve, proxy_config(provider.url))
        found = await send(http, proxy.url + "/chat/completions", chat())
        assert found.status == 200
        assert "x-inner" not in found.headers


# Bytes that must arrive as they were.


async def test_body_goes_on_byte_by_byte(http: aiohttp.ClientSession, plain: Served, shared_sim: Sim) -> None:
    import hashlib

    raw = b'{ "model" :"gpt-4o",\t"messages":[{"role":"user","content":"\\u00e9\\ud83c\\udf0a \xc3\xa9"}],'
    raw += b'"x":1.0e+2,"y":1,"y":2}\n'
    test_id = fresh()
    answer = await send(http, plain.url + "/chat/completions", data=raw, headers={"x-test-id": test_id})
    assert answer.status == 200
    [entry] = shared_sim.entries(test_id)
    assert entry["body_sha256"] == hashlib.sha256(raw).hexdigest()


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
async def test_compressed_request_arrives_readable(http: aiohttp.ClientSession, serve: Serve, encoding: str) -> None:
    """Decoded here, so the provider must not be told that it is encoded."""

    async def answer(request: RawRequest, writer: asyncio.StreamWriter) -> bool:
        writer.write(whole(COMPLETION))
        return True

    packer = zlib.compressobj(wbits=31 if encoding == "gzip" else 15)
    raw = b'{"model":"gpt-4o","messages":[{"role":"user","content":"hi"}]}'
    packed = packer.compress(raw) + packer.flush()
    async with raw_provider(answer) as provider:
        proxy = await asyncio.to_thread(serve, proxy_config(provider.url))
        headers = {"content-encoding": encoding, "content-type": "application/json"}
        found = await send(http, proxy.url + "/chat/completions", data=packed, headers=headers)
        assert found.status == 200
        [request] = provider.requests
        told = request.header("content-encoding")
        assert request.body == (packed if told else raw)


async def test_odd_bytes_in_a_clients_headers(plain: Served, shared_sim: Sim) -> None:
    """Bytes beyond ASCII in a header are no fault of the provider."""
    test_id = fresh()
    body = b'{"model":"gpt-4o","messages":[{"role":"user","content":"hi"}]}'
    head = POST + b"X-Test-Id: " + test_id.encode() + b"\r\nX-Note: caf\xe9\r\n"
    raw = await raw_exchange(plain.port, head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
    assert split_answer(raw)[0] in (200, 400), raw
