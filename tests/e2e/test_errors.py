"""Errors: what goes wrong reaches the client as an object it can read, and nothing it must not see."""

import asyncio
import socket
import zlib
from typing import Any

import aiohttp
import anthropic
import openai
import orjson
import pytest
from e2e_kit import (
    COMPLETION,
    SECRET,
    STREAM_HEAD,
    Answer,
    RawRequest,
    Serve,
    Served,
    Sim,
    chat,
    chunk,
    delta,
    free_port,
    fresh,
    is_anthropic_error,
    is_openai_error,
    proxy_config,
    raw_answer,
    raw_exchange,
    raw_provider,
    send,
    split_answer,
    whole,
)

OUR_KEY = "sk-ours-0815-tail"
FAST = {"idle_s": 1, "first_event_s": 1, "total_s": 5}


@pytest.fixture(scope="module")
def plain(shared_serve: Serve, shared_sim: Sim) -> Served:
    providers = {"sim": {"base_url": shared_sim.url}, "claude": {"base_url": shared_sim.url, "dialect": "anthropic"}}
    return shared_serve(
        proxy_config(shared_sim.url, providers=providers, upstream=FAST, server={"max_body_bytes": 100_000})
    )


@pytest.fixture(scope="module")
def owned(shared_serve: Serve, shared_sim: Sim) -> Served:
    """With the operator's own keys and a models section."""
    providers = {
        "sim": {"base_url": shared_sim.url, "api_key": OUR_KEY},
        "claude": {"base_url": shared_sim.url, "dialect": "anthropic", "api_key": OUR_KEY},
    }
    names = ("gpt-4o", "fault-401", "fault-403", "fault-header-junk", "fault-400")
    models: dict[str, Any] = {name: {"targets": [f"sim/{name}"]} for name in names}
    models["claude-401"] = {"targets": ["claude/fault-401"]}
    return shared_serve(proxy_config(shared_sim.url, providers=providers, models=models, upstream=FAST))


def told_as_object(answer: Answer) -> Any:
    """The error object of an answer, which must be whole and have its headers."""
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.headers["x-request-id"]
    told = answer.json()
    assert is_openai_error(told), told
    assert SECRET.encode() not in answer.body
    return told["error"]


def nothing_in_log(served: Served, *secrets: str) -> None:
    text = "\n".join(served.lines())
    for secret in secrets:
        assert secret not in text
    assert "Traceback" not in text


# What the proxy itself refuses.


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


# What the parser refuses: raw sockets.

HOST = b"Host: x\r\nAuthorization: Bearer " + SECRET.encode() + b"\r\n"
POST = b"POST /v1/chat/completions HTTP/1.1\r\n" + HOST + b"Content-Type: application/json\r\n"
SMUGGLED = b"GET /v1/models HTTP/1.1\r\nHost: x\r\nX-Smuggled: yes\r\n\r\n"
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


# Paths.

HOSTILE_PATHS = [
    "/v1/../admin",
    "/v1/..%2fadmin",
    "/v1/%2e%2e/admin",
    "/v1/%2E%2E/_journal",
    "/v1/.%2e/_journal",
    "/v1/./models",
    "/v1/%2e/models",
    "/v1//models",
    "//v1/models",
    "/v1/models/..",
    "/v1/models/../../_journal",
    "/v1/models%2f..%2f_journal",
    "/v1/models%5c..%5c_journal",
    "/v1/models\\..\\_journal",
    "/v1/models/%00",
    "/v1/models%0d%0aX-Injected:%20yes",
    "/v1/models/;/../x",
    "/v1/..;/_journal",
    "/v1/%252e%252e/_journal",
    "/v1/models/%c0%ae%c0%ae/_journal",
    "/v1",
    "/v1/",
    "/V1/models",
    "/v1/models#/../x",
    "http://127.0.0.1:1/v1/models",
    "http://x/v1/../_journal",
    "*",
    "x",
]


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("path", HOSTILE_PATHS)
async def test_hostile_paths_stay_below_the_base_url(plain: Served, shared_sim: Sim, path: str, method: str) -> None:
    test_id = fresh()
    head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nX-Test-Id: {test_id}\r\nContent-Length: 0\r\n\r\n"
    status, headers, _ = split_answer(await raw_exchange(plain.port, head.encode()))
    entries = shared_sim.entries(test_id)
    # Encodings of encodings are text to everyone; they may go on, as long as they stay where they are.
    assert all(entry["path"].startswith("/v1/") and "/../" not in entry["path"] for entry in entries)
    if not entries:
        assert status in (400, 404, 405)
        assert headers["content-type"].startswith("application/json")
    if ".." in path or "%2e%2e" in path.lower():
        assert not entries or "%25" in path or ";" in path


async def test_query_goes_on_as_it_is(plain: Served, shared_sim: Sim) -> None:
    test_id = fresh()
    query = "a=%2e%2e%2F&b=a+b&c=%C3%A9&d=[x]&limit=2&&e"
    head = f"GET /v1/_echo?{query} HTTP/1.1\r\nHost: x\r\nX-Test-Id: {test_id}\r\n\r\n"
    status, _, body = split_answer(await raw_exchange(plain.port, head.encode()))
    assert status == 200 and b'"path":"/v1/_echo"' in body
    assert len(shared_sim.entries(test_id)) == 1


# What providers answer.


@pytest.mark.parametrize(
    "model", ["fault-400", "fault-404", "fault-409", "fault-413", "fault-422", "fault-content-policy"]
)
async def test_error_objects_pass_as_they_are(
    http: aiohttp.ClientSession, plain: Served, shared_sim: Sim, model: str
) -> None:
    for stream in (False, True):
        through, direct = await asyncio.gather(
            *(send(http, url + "/chat/completions", chat(model, stream=stream)) for url in (plain.url, shared_sim.url))
        )
        assert (through.status, through.body) == (direct.status, direct.body)
        told_as_object(through)


@pytest.mark.parametrize("status", [400, 403, 404, 413, 422, 429, 500, 503, 529])
async def test_anthropic_shape(http: aiohttp.ClientSession, plain: Served, status: int) -> None:
    body = {"model": f"fault-{status}", "max_tokens": 5, "messages": [{"role": "user", "content": "hi"}]}
    answer = await send(http, plain.url + "/messages", body)
    assert answer.status == status
    assert is_anthropic_error(answer.json())
    assert answer.headers["x-request-id"]


@pytest.mark.parametrize("model", ["fault-html-502", "fault-html-200"])
@pytest.mark.parametrize("stream", [False, True])
async def test_html_does_not_reach_the_client(
    http: aiohttp.ClientSession, plain: Served, model: str, stream: bool
) -> None:
    answer = await send(http, plain.url + "/chat/completions", chat(model, stream=stream))
    assert answer.status == 502
    told_as_object(answer)
    assert b"<" not in answer.body


@pytest.mark.parametrize("model", ["fault-bad-json-200", "fault-empty-200", "fault-truncated-json", "fault-gzip-cut"])
@pytest.mark.parametrize("path", ["/chat/completions", "/embeddings", "/responses"])
async def test_answers_that_are_none(http: aiohttp.ClientSession, plain: Served, model: str, path: str) -> None:
    answer = await send(http, plain.url + path, {**chat(model), "input": "x"})
    assert answer.status == 502
    told_as_object(answer)


@pytest.mark.parametrize("stream", [False, True])
async def test_gzip_that_nobody_asked_for(http: aiohttp.ClientSession, plain: Served, stream: bool) -> None:
    answer = await send(http, plain.url + "/chat/completions", chat("fault-gzip", stream=stream))
    assert answer.status == 200
    assert "content-encoding" not in answer.headers
    assert b'"content"' in answer.body
    assert not stream or answer.body.endswith(b"data: [DONE]\n\n")


async def test_529_becomes_503_with_retry_after(http: aiohttp.ClientSession, plain: Served) -> None:
    answer = await send(http, plain.url + "/chat/completions", chat("fault-529"))
    assert answer.status == 503
    assert float(answer.headers["retry-after"]) > 0
    told_as_object(answer)


async def test_error_as_a_whole_answer(http: aiohttp.ClientSession, plain: Served, shared_sim: Sim) -> None:
    """Some providers send an error object with 200; whatever is made of it, it stays readable."""
    answer = await send(http, plain.url + "/chat/completions", chat("fault-error-first-event"))
    assert is_openai_error(answer.json())


async def test_redirects_are_not_followed(http: aiohttp.ClientSession, plain: Served, shared_sim: Sim) -> None:
    for path, body, headers in (
        ("/chat/completions", chat("fault-redirect"), {}),
        ("/chat/completions", chat("fault-redirect", stream=True), {}),
        ("/files/file-bytes-3/content", None, {"x-sim-fault": "fault-redirect"}),
        ("/models", None, {"x-sim-fault": "fault-redirect"}),
    ):
        test_id = fresh()
        answer = await send(http, plain.url + path, body, headers={"x-test-id": test_id, **headers})
        assert answer.status == 502
        assert "location" not in answer.headers
        told_as_object(answer)
        assert not any(entry["path"] == "/v1/_echo" for entry in shared_sim.entries(test_id))


async def test_headers_that_pass_with_errors(http: aiohttp.ClientSession, serve: Serve) -> None:
    body = b'{"error":{"message":"slow down","type":"requests","param":null,"code":"rate_limit_exceeded"}}'

    async def answer(_: RawRequest, writer: asyncio.StreamWriter) -> bool:
        headers = [b"retry-after: 77", b"retry-after-ms: 77000", b"X-Should-Retry: true", b"x-request-id: req_theirs"]
        headers += [b"x-ratelimit-remaining-requests: 0", b"set-cookie: a=b", b"x-internal-host: db7"]
        writer.write(whole(body, *headers, status=b"429 Too Many Requests"))
        return True

    async with raw_provider(answer) as provider:
        proxy = await asyncio.to_thread(serve, proxy_config(provider.url))
        found = await send(http, proxy.url + "/chat/completions", chat())
        assert found.status == 429 and found.body == body
        assert found.headers["retry-after"] == "77" and found.headers["retry-after-ms"] == "77000"
        assert found.headers.getall("x-should-retry") == ["true"]
        assert found.headers["x-request-id"] == "req_theirs"
        assert found.headers["x-tailrace-request-id"] != "req_theirs"
        assert found.headers["x-ratelimit-remaining-requests"] == "0"
        assert "set-cookie" not in found.headers and "x-internal-host" not in found.headers


async def test_should_retry_is_said_once(http: aiohttp.ClientSession, serve: Serve) -> None:
    async def answer(_: RawRequest, writer: asyncio.StreamWriter) -> bool:
        writer.write(whole(b"{}", b"X-Should-Retry: true", status=b"503 Service Unavailable"))
        return True

    async with raw_provider(answer) as provider:
        proxy = await asyncio.to_thread(serve, proxy_config(provider.url))
        found = await send(http, proxy.url + "/chat/completions", chat())
        assert len(provider.requests) == 2
        assert found.headers.getall("x-should-retry") == ["false"]


async def test_answer_without_http(http: aiohttp.ClientSession, serve: Serve) -> None:
    async def answer(request: RawRequest, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH_9.6\r\n\r\n")

    async with raw_provider(answer) as provider:
        proxy = await asyncio.to_thread(serve, proxy_config(provider.url))
        for stream in (False, True):
            found = await send(http, proxy.url + "/chat/completions", chat(stream=stream))
            assert found.status == 502
            told_as_object(found)
        found = await send(http, proxy.url + "/files")
        assert found.status == 502
        told_as_object(found)


async def test_odd_bytes_in_a_providers_headers(http: aiohttp.ClientSession, serve: Serve) -> None:
    """Latin-1 in a header value is legal (RFC 9110, 5.5) and no reason to lose the answer."""

    async def answer(request: RawRequest, writer: asyncio.StreamWriter) -> None:
        odd = "x-note: café".encode("latin-1")
        if b'"stream":true' in request.body:
            writer.write(STREAM_HEAD[:-2] + odd + b"\r\n\r\n" + chunk(delta("a", "stop")) + chunk(b"data: [DONE]\n\n"))
            writer.write(chunk(b""))
        else:
            writer.write(whole(COMPLETION, odd))
        await writer.drain()

    async with raw_provider(answer) as provider:
        proxy = await asyncio.to_thread(serve, proxy_config(provider.url))
        for body in (chat(), chat(stream=True)):
            found = await send(http, proxy.url + "/chat/completions", body)
            assert found.status == 200, found.body


# Keys.


@pytest.mark.parametrize("model", ["fault-401", "fault-403"])
@pytest.mark.parametrize("stream", [False, True])
async def test_our_key_refused_is_502(http: aiohttp.ClientSession, owned: Served, model: str, stream: bool) -> None:
    answer = await send(http, owned.url + "/chat/completions", chat(model, stream=stream))
    assert answer.status == 502
    error = told_as_object(answer)
    assert error["code"] == "upstream_auth"
    assert answer.headers["x-should-retry"] == "false"
    assert b"1234" not in answer.body and b"tail" not in answer.body.replace(b"tailrace", b"")


async def test_our_key_refused_is_502_in_anthropics_shape(http: aiohttp.ClientSession, owned: Served) -> None:
    body = {"model": "claude-401", "max_tokens": 5, "messages": [{"role": "user", "content": "hi"}]}
    answer = await send(http, owned.url + "/messages", body)
    assert answer.status == 502
    assert is_anthropic_error(answer.json())
    assert b"1234" not in answer.body


async def test_our_key_in_an_error_as_first_event(http: aiohttp.ClientSession, serve: Serve) -> None:
    told = (
        b'{"error":{"message":"Incorrect API key: sk-***tail","type":"invalid_request_error","code":"invalid_api_key"}}'
    )

    async def answer(request: RawRequest, writer: asyncio.StreamWriter) -> None:
        if b'"stream":true' in request.body:
            writer.write(STREAM_HEAD + chunk(b"data: " + told + b"\n\n") + chunk(b""))
        else:
            writer.write(whole(told))
        await writer.drain()

    async with raw_provider(answer) as provider:
        providers = {"own": {"base_url": provider.url, "api_key": OUR_KEY}}
        proxy = await asyncio.to_thread(serve, proxy_config("", providers=providers))
        found = await send(http, proxy.url + "/chat/completions", chat(stream=True))
        assert found.status == 502 and b"***tail" not in found.body
        found = await send(http, proxy.url + "/chat/completions", chat())
        assert b"***tail" not in found.body


async def test_clients_own_key_refused_passes(http: aiohttp.ClientSession, plain: Served) -> None:
    for model, status in (("fault-401", 401), ("fault-403", 403)):
        answer = await send(http, plain.url + "/chat/completions", chat(model))
        assert answer.status == status
        told_as_object(answer)


async def test_our_key_is_sent_whatever_the_client_says(
    http: aiohttp.ClientSession, owned: Served, shared_sim: Sim
) -> None:
    import hashlib

    ours = "sha256:" + hashlib.sha256(OUR_KEY.encode()).hexdigest()[:12]
    for headers in (
        {"connection": "authorization"},
        {"connection": "keep-alive, Authorization, x-foo"},
        {"authorization": "", "x-api-key": "sk-other"},
        {"api-key": "sk-other", "x-goog-api-key": "other", "authorization": "Basic eDp5"},
        {"Proxy-Authorization": "Bearer x"},
    ):
        test_id = fresh()
        answer = await send(http, owned.url + "/chat/completions", chat(), headers={"x-test-id": test_id, **headers})
        assert answer.status == 200
        [entry] = shared_sim.entries(test_id)
        sent = [(name.lower(), value) for name, value in entry["headers"]]
        assert [value for name, value in sent if name == "authorization"] == [ours]
        assert not {name for name, _ in sent} & {"x-api-key", "api-key", "proxy-authorization"}


@pytest.mark.parametrize(
    "fields",
    [
        {"api_base": "http://127.0.0.1:1/v1"},
        {"base_url": "http://127.0.0.1:1/v1"},
        {"api_key": "sk-theirs"},
        {"custom_llm_provider": "ollama"},
        {"extra_headers": {"authorization": "Bearer sk-theirs", "x-evil": "1"}},
        {"extra_body": {"model": "x"}, "api_type": "azure", "api_version": "1", "organization": "o"},
    ],
    ids=lambda fields: next(iter(fields)),
)
async def test_body_fields_never_change_where_a_request_goes(
    http: aiohttp.ClientSession, owned: Served, shared_sim: Sim, fields: dict[str, Any]
) -> None:
    test_id = fresh()
    answer = await send(http, owned.url + "/chat/completions", {**chat(), **fields}, headers={"x-test-id": test_id})
    assert answer.status == 200
    [entry] = shared_sim.entries(test_id)
    assert "x-evil" not in {name.lower() for name, _ in entry["headers"]}


async def test_headers_never_change_where_a_request_goes(
    http: aiohttp.ClientSession, owned: Served, shared_sim: Sim
) -> None:
    hostile = {
        "host": "127.0.0.1:1",
        "forwarded": "host=127.0.0.1:1",
        "x-forwarded-host": "127.0.0.1:1",
        "x-forwarded-server": "evil",
        "x-host": "127.0.0.1:1",
        "x-original-host": "evil",
        "x-original-url": "/_journal",
        "x-rewrite-url": "/_journal",
        "x-http-method-override": "DELETE",
        "x-http-method": "DELETE",
        "x-method-override": "DELETE",
        "x-forwarded-prefix": "/evil",
    }
    test_id = fresh()
    answer = await send(http, owned.url + "/chat/completions", chat(), headers={"x-test-id": test_id, **hostile})
    assert answer.status == 200
    [entry] = shared_sim.entries(test_id)
    sent = {name.lower(): value for name, value in entry["headers"]}
    assert sent["host"] == shared_sim.root.removeprefix("http://")
    assert set(hostile) & set(sent) == {"host"}


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
    assert not names & {"x-foo", "keep-alive", "proxy-authenticate", "upgrade", "set-cookie", "x-tailrace-cache"}
    direct = await send(http, shared_sim.url + "/chat/completions", chat("fault-header-junk"))
    assert direct.headers["x-foo"] and direct.headers["set-cookie"]
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


async def test_odd_bytes_in_a_query(plain: Served) -> None:
    raw = await raw_exchange(plain.port, b"GET /v1/_echo?a=\xe9 HTTP/1.1\r\nHost: x\r\n\r\n")
    assert split_answer(raw)[0] in (200, 400), raw


# Health of the whole thing while all of this goes on.


async def test_nothing_of_this_is_in_the_log(http: aiohttp.ClientSession, plain: Served, owned: Served) -> None:
    await send(http, plain.url + "/chat/completions", chat("fault-401", SECRET + "-in-prompt"))
    for served in (plain, owned):
        nothing_in_log(served, SECRET, OUR_KEY)


async def test_refused_connection_is_502(http: aiohttp.ClientSession, serve: Serve) -> None:
    proxy = await asyncio.to_thread(serve, proxy_config(f"http://127.0.0.1:{free_port()}/v1"))
    for path, body in (("/chat/completions", chat()), ("/chat/completions", chat(stream=True)), ("/files", None)):
        answer = await send(http, proxy.url + path, body)
        assert answer.status == 502
        assert told_as_object(answer)["code"] == "upstream_connect"


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


# The official anthropic client.


async def test_anthropic_client(plain: Served, shared_sim: Sim) -> None:
    tool: Any = {"name": "get_weather", "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}}}
    ask: Any = {"model": "claude-sim", "max_tokens": 300}
    hello: Any = [{"role": "user", "content": "Tell me about tides."}]
    async with anthropic.AsyncAnthropic(base_url=plain.root, api_key=SECRET, max_retries=0) as client:
        message = await client.messages.create(messages=hello, **ask)
        assert message.content[0].type == "text" and message.usage.output_tokens > 0
        async with client.messages.stream(messages=hello, **ask) as stream:
            text = "".join([piece async for piece in stream.text_stream])
            final = await stream.get_final_message()
        assert text == message.content[0].text and final.stop_reason == message.stop_reason
        counted = await client.messages.count_tokens(model=ask["model"], messages=hello)
        assert counted.input_tokens > 0
        messages: Any = [{"role": "user", "content": "Weather in Ghent? [[sim: rounds=2]]"}]
        rounds = -1
        while rounds < 5:
            rounds += 1
            async with client.messages.stream(messages=messages, tools=[tool], **ask) as stream:
                answer = await stream.get_final_message()
            calls = [block for block in answer.content if block.type == "tool_use"]
            if not calls:
                break
            messages.append({"role": "assistant", "content": [block.model_dump() for block in answer.content]})
            results = [{"type": "tool_result", "tool_use_id": call.id, "content": "9 degrees"} for call in calls]
            messages.append({"role": "user", "content": results})
        assert rounds == 2


@pytest.mark.parametrize(
    ("model", "error"),
    [
        ("fault-400", anthropic.BadRequestError),
        ("fault-401", anthropic.AuthenticationError),
        ("fault-403", anthropic.PermissionDeniedError),
        ("fault-404", anthropic.NotFoundError),
        ("fault-429", anthropic.RateLimitError),
        ("fault-529", anthropic.APIStatusError),
        ("fault-empty-200", anthropic.InternalServerError),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_anthropic_clients_errors(
    plain: Served, model: str, error: type[anthropic.APIStatusError], stream: bool
) -> None:
    ask: Any = {"model": model, "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
    async with anthropic.AsyncAnthropic(base_url=plain.root, api_key=SECRET, max_retries=0) as client:
        with pytest.raises(error) as raised:
            await client.messages.create(stream=stream, **ask)
    assert is_anthropic_error(raised.value.body)


async def test_anthropic_version_and_key_reach_the_provider(
    http: aiohttp.ClientSession, plain: Served, shared_sim: Sim
) -> None:
    test_id = fresh()
    headers: dict[str, str | None]
    body = {"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": "hi"}]}
    headers = {"x-test-id": test_id, "anthropic-beta": "tools-2024", "x-api-key": "sk-ant-1", "authorization": None}
    answer = await send(http, plain.url + "/messages", body, headers=headers)
    assert answer.status == 200
    [entry] = shared_sim.entries(test_id)
    sent = {name.lower(): value for name, value in entry["headers"]}
    assert sent["anthropic-version"] == "2023-06-01" and sent["anthropic-beta"] == "tools-2024"
    assert "x-api-key" in sent
