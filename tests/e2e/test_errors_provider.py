"""Errors: what providers answer when something is wrong reaches the client as an object it can read."""

import asyncio
from collections.abc import Iterator

import aiohttp
import pytest
from e2e_kit import (
    COMPLETION,
    STREAM_HEAD,
    RawRequest,
    Serve,
    Served,
    Sim,
    chat,
    chunk,
    delta,
    fresh,
    is_anthropic_error,
    is_openai_error,
    proxy_config,
    raw_provider,
    send,
    whole,
)
from e2e_kit.errors import plain_proxy, told_as_object


@pytest.fixture(scope="module")
def plain(shared_serve: Serve, shared_sim: Sim) -> Iterator[Served]:
    with plain_proxy(shared_serve, shared_sim) as served:
        yield served


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
