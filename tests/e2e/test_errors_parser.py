"""Errors: what the parser refuses, and odd but legal HTTP; raw sockets."""

import asyncio
import socket
from collections.abc import Iterator

import aiohttp
import orjson
import pytest
from e2e_kit import (
    SECRET,
    Serve,
    Served,
    Sim,
    fresh,
    is_openai_error,
    raw_answer,
    raw_exchange,
    send,
    split_answer,
)
from e2e_kit.errors import HOST, POST, SMUGGLED, nothing_in_log, plain_proxy


@pytest.fixture(scope="module")
def plain(shared_serve: Serve, shared_sim: Sim) -> Iterator[Served]:
    with plain_proxy(shared_serve, shared_sim) as served:
        yield served


CHUNKED = b"5\r\nhello\r\n0\r\n\r\n"

PROBES: dict[str, bytes] = {
    "cl-te": POST + b"Content-Length: 15\r\nTransfer-Encoding: chunked\r\n\r\n" + CHUNKED,
    "te-cl": POST + b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n" + CHUNKED,
    "double-cl": POST + b"Content-Length: 0\r\nContent-Length: 5\r\n\r\nhello",
    "cl-list": POST + b"Content-Length: 5, 5\r\n\r\nhello",
    "cl-plus": POST + b"Content-Length: +5\r\n\r\nhello",
    "cl-minus": POST + b"Content-Length: -5\r\n\r\nhello",
    "cl-hex": POST + b"Content-Length: 0x5\r\n\r\nhello",
    "cl-underscore": POST + b"Content-Length: 1_0\r\n\r\nhellohello",
    "cl-empty": POST + b"Content-Length:\r\n\r\nhello",
    "cl-space-inside": POST + b"Content-Length: 1 0\r\n\r\nhellohello",
    "cl-huge": POST + b"Content-Length: 99999999999999999999999\r\n\r\nhello",
    "te-unknown": POST + b"Transfer-Encoding: xchunked\r\n\r\n" + CHUNKED,
    "te-identity-last": POST + b"Transfer-Encoding: chunked, identity\r\n\r\n" + CHUNKED,
    "te-twice": POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n" + CHUNKED,
    "te-space-before-colon": POST + b"Transfer-Encoding : chunked\r\n\r\n" + CHUNKED,
    "te-vertical-tab": POST + b"Transfer-Encoding:\x0bchunked\r\n\r\n" + CHUNKED,
    "te-folded": POST + b"Transfer-Encoding:\r\n chunked\r\n\r\n" + CHUNKED,
    "te-quoted": POST + b'Transfer-Encoding: "chunked"\r\n\r\n' + CHUNKED,
    "bare-lf-in-head": b"POST /v1/chat/completions HTTP/1.1\nHost: x\n" + HOST + b"Content-Length: 0\n\n",
    "bare-lf-one-line": POST + b"X-A: b\nContent-Length: 0\r\n\r\n",
    "bare-cr-in-value": POST + b"X-A: b\rX-B: c\r\nContent-Length: 0\r\n\r\n",
    "nul-in-value": POST + b"X-A: b\x00c\r\nContent-Length: 0\r\n\r\n",
    "space-in-name": POST + b"X A: b\r\nContent-Length: 0\r\n\r\n",
    "no-name": POST + b": b\r\nContent-Length: 0\r\n\r\n",
    "no-colon": POST + b"nonsense\r\nContent-Length: 0\r\n\r\n",
    "line-begins-with-space": b"POST /v1/chat/completions HTTP/1.1\r\n X: y\r\n" + HOST + b"\r\n",
    "http2-preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "version-2": b"GET /v1/models HTTP/2.0\r\n" + HOST + b"\r\n",
    "version-nonsense": b"GET /v1/models HTTP/x.y\r\n" + HOST + b"\r\n",
    "no-version": b"GET /v1/models\r\n" + HOST + b"\r\n",
    "binary": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 40 + b"\r\n\r\n",
    "space-in-path": b"GET /v1/mod els HTTP/1.1\r\n" + HOST + b"\r\n",
    "huge-header": POST + b"X-A: " + b"a" * 70_000 + b"\r\n\r\n",
    "huge-target": b"GET /v1/" + b"a" * 70_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n",
    "chunk-size-hex-prefix": POST + b"Transfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n",
    "chunk-size-plus": POST + b"Transfer-Encoding: chunked\r\n\r\n+5\r\nhello\r\n0\r\n\r\n",
    "chunk-size-underscore": POST + b"Transfer-Encoding: chunked\r\n\r\n0_5\r\nhello\r\n0\r\n\r\n",
    "chunk-size-empty": POST + b"Transfer-Encoding: chunked\r\n\r\n\r\nhello\r\n0\r\n\r\n",
    "chunk-size-huge": POST + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nhello\r\n0\r\n\r\n",
    "chunk-bare-lf": POST + b"Transfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n",
    "chunk-ext-bare-lf": POST + b"Transfer-Encoding: chunked\r\n\r\n5;a\nb\r\nhello\r\n0\r\n\r\n",
    "chunk-longer-than-told": POST + b"Transfer-Encoding: chunked\r\n\r\n3\r\nhello\r\n0\r\n\r\n",
    "chunk-no-crlf-after": POST + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello0\r\n\r\n",
}


@pytest.mark.parametrize("probe", PROBES)
async def test_smuggling_probes_are_400(plain: Served, shared_sim: Sim, probe: str) -> None:
    raw = await raw_exchange(plain.port, PROBES[probe] + SMUGGLED)
    status, headers, body = split_answer(raw)
    assert status == 400, raw[:300]
    assert raw.count(b"HTTP/1.") == 1 + raw.count(b"valid HTTP/1."), "the bytes behind were taken for a request"
    assert headers["content-type"].startswith("application/json")
    assert SECRET.encode() not in raw and b"smuggled" not in raw.lower()
    assert not any("X-Smuggled" in dict(entry["headers"]) for entry in shared_sim.entries())
    assert is_openai_error(orjson.loads(body))
    nothing_in_log(plain, SECRET)


async def test_the_parsers_400_has_a_request_id(plain: Served) -> None:
    _, headers, _ = split_answer(await raw_exchange(plain.port, PROBES["cl-te"]))
    assert headers.get("x-request-id")


async def test_broken_chunks_of_an_upload_are_400(plain: Served) -> None:
    """A body that is streamed on cannot be checked first, but the blame must be the client's."""
    head = b"POST /v1/files HTTP/1.1\r\n" + HOST + b"Content-Type: multipart/form-data; boundary=x\r\n"
    raw = await raw_exchange(plain.port, head + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n\r\n")
    status, _, body = split_answer(raw)
    assert status == 400, body


@pytest.mark.parametrize("bad", [b"zz\r\n\r\n", b"5\r\nhelloXX\r\n0\r\n\r\n", b"0x5\r\nhello\r\n0\r\n\r\n"])
@pytest.mark.parametrize("path", [b"chat/completions", b"_echo"])
async def test_chunks_that_break_later_are_400_at_once(plain: Served, path: bytes, bad: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", plain.port)
    writer.write(b"POST /v1/" + path + b" HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
    await writer.drain()
    await asyncio.sleep(0.05)
    writer.write(bad + SMUGGLED)
    try:
        raw = await raw_answer(reader, 3)
    finally:
        writer.close()
    assert split_answer(raw)[0] == 400
    assert raw.count(b"HTTP/1.") == 1 + raw.count(b"valid HTTP/1.")


async def test_two_hosts_are_400(plain: Served) -> None:
    raw = await raw_exchange(plain.port, b"GET /v1/models HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")
    assert split_answer(raw)[0] == 400


async def test_hostile_host_header_decides_nothing(plain: Served, shared_sim: Sim) -> None:
    test_id = fresh()
    raw = await raw_exchange(
        plain.port,
        b"GET /admin HTTP/1.1\r\nHost: a/v1/models?x=\r\nX-Test-Id: " + test_id.encode() + b"\r\n\r\n",
    )
    assert split_answer(raw)[0] in (400, 404)
    assert not shared_sim.entries(test_id)


async def test_http_1_0_client(plain: Served) -> None:
    body = b'{"model":"gpt-4o","messages":[{"role":"user","content":"hi"}],"stream":true}'
    head = b"POST /v1/chat/completions HTTP/1.0\r\nContent-Length: %d\r\n\r\n" % len(body)
    raw = await raw_exchange(plain.port, head + body)
    status, headers, events = split_answer(raw)
    assert status == 200 and "transfer-encoding" not in headers
    assert events.endswith(b"data: [DONE]\n\n")


async def test_pipelined_requests_are_answered_in_order(plain: Served) -> None:
    one = b"GET /v1/models/first HTTP/1.1\r\nHost: x\r\n\r\n"
    two = b"GET /nowhere HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    raw = await raw_exchange(plain.port, one + two)
    assert raw.count(b"HTTP/1.1 200") == 1 and raw.count(b"HTTP/1.1 404") == 1
    assert raw.index(b"HTTP/1.1 200") < raw.index(b"HTTP/1.1 404")


async def test_client_that_half_closes_is_no_trouble(plain: Served, http: aiohttp.ClientSession) -> None:
    def rude() -> None:
        with socket.create_connection(("127.0.0.1", plain.port)) as sock:
            sock.sendall(POST + b"Content-Length: 100\r\n\r\n{")
            sock.shutdown(socket.SHUT_WR)
            while sock.recv(65536):
                pass

    await asyncio.to_thread(rude)
    assert (await send(http, plain.url + "/models")).status == 200
    nothing_in_log(plain, SECRET)
