"""One request from its head to its outcome, in process: refusals, their shape, and that each is accounted for."""

import asyncio
import random

import orjson
import pytest

from tailrace.config.models import Config, Server
from tailrace.gateway import Gateway
from tailrace.http.handler import Handler
from tailrace.telemetry.recorder import Recorder
from tailrace.testing import services


@pytest.fixture
async def served(listen):
    """A handler with no provider behind it; returns what sends it bytes, and the outcomes."""

    async def start(settings=None, **sections):
        ended = []
        made = services()
        gateway = Gateway(Config(**sections), [], made, "hop", b"secret")
        recorder = Recorder(made.clock, random.Random(0), 1.0, [lambda *told: ended.append(told)], batch=1)
        handler = Handler(lambda: gateway, Server(**(settings or {})), recorder, "our-hop")
        send = await listen(handler)
        return send, ended, handler

    return start


def request(method="POST", path="/v1/chat/completions", body=b'{"model":"m"}', *headers):
    lines = [f"{method} {path} HTTP/1.1", "host: h", f"content-length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


@pytest.mark.parametrize(
    ("raw", "status", "code"),
    [
        (request("GET", "/", b""), 404, "not_found"),
        (request("GET", "/v1/embeddings", b""), 405, "bad_path"),
        (request("POST", "/v1/../admin", b""), 400, "bad_path"),
        (request("GET", "/v1//x", b""), 400, "bad_path"),
        (request(body=b"{"), 400, "invalid_json"),
        (request(body=b"{}"), 400, "missing_required_parameter"),
        (request(body=b"x" * 101), 413, "request_too_large"),
        (request("GET", "/v1/responses", b"", "connection: upgrade", "upgrade: websocket"), 426, "upgrade_required"),
        (request("POST", "/v1/chat/completions", b'{"model":"m"}', "x-tailrace-hop: a,our-hop"), 508, "loop_detected"),
        (request("POST", "/v1/chat/completions", b'{"model":"m"}', "x-tailrace-skip: nothing"), 400, None),
        (
            request("POST", "/v1/chat/completions", b'{"model":"m"}', f"x-tailrace-session: {'s' * 10_000}"[:8000]),
            400,
            None,
        ),
        (request("POST", "/v1/chat/completions", b'{"model":"m"}', "expect: the-unexpected"), 417, "bad_expect"),
        (request(), 404, "no_provider"),
        (request("POST", "/v1/files", b"x"), 404, "no_provider"),
    ],
    ids=lambda value: value.split(b" HTTP")[0].decode() if isinstance(value, bytes) else str(value),
)
async def test_every_refusal_is_an_object_and_is_told_once(served, raw, status, code):
    send, ended, handler = await served({"max_body_bytes": 100})
    answer = await send(raw)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert int(head.split()[1]) == status
    error = orjson.loads(body)["error"]
    assert isinstance(error["message"], str) and set(error) == {"message", "type", "param", "code"}
    assert code is None or error["code"] == code
    assert b"x-request-id: req_" in head.lower() and b"content-type: application/json" in head.lower()
    assert (len(ended), handler.in_flight) == (1, 0)
    outcome = ended[0][3]
    assert (outcome.state, outcome.status) == ("complete", status)


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/messages/count_tokens", "/v1/messages/batches"])
async def test_anthropics_clients_get_anthropics_shape(served, path):
    send, _, _ = await served()
    body = orjson.loads((await send(request("POST", path))).partition(b"\r\n\r\n")[2])
    assert (body["type"], body["error"]["type"], body["request_id"][:4]) == ("error", "not_found_error", "req_")


async def test_keys(served):
    send, ended, _ = await served(keys={"static": {"alice": "sk-a"}})
    assert b" 401 " in (await send(request())).partition(b"\r\n")[0]
    raw = request("POST", "/v1/chat/completions", b'{"model":"m"}', "authorization: Bearer sk-a")
    assert b" 404 " in (await send(raw)).partition(b"\r\n")[0]
    assert (ended[0][1], ended[1][1].tenant, ended[1][1].request.credential) == (None, "alice", None)


async def test_over_the_limit_is_503_while_health_answers(served):
    send, ended, handler = await served({"max_in_flight": 1})
    handler._tasks.add(object())
    answer = await send(request())
    assert b" 503 " in answer.partition(b"\r\n")[0] and b"retry-after: 1\r\n" in answer.lower()
    assert (await send(request("GET", "/livez", b""))).endswith(b"ok\n")
    assert ended[0][3].status == 503


async def test_draining_is_not_ready(served):
    send, _, handler = await served()
    assert b" 200 " in (await send(request("GET", "/readyz", b""))).partition(b"\r\n")[0]
    handler.draining = True
    assert b" 503 " in (await send(request("GET", "/readyz", b""))).partition(b"\r\n")[0]
    assert b" 200 " in (await send(request("GET", "/livez", b""))).partition(b"\r\n")[0]
    assert b"connection: close" in (await send(request())).lower()


async def test_expect_continue(served):
    send, _, _ = await served()
    answer = await send(request("POST", "/v1/chat/completions", b'{"model":"m"}', "expect: 100-Continue"))
    assert answer.startswith(b"HTTP/1.1 404")


@pytest.mark.parametrize(
    "status",
    [
        200,
        500,
    ],
)
async def test_header_bytes_that_are_no_utf8_do_not_break_the_answer(served, listen, status):
    async def provider(reader, writer):
        await reader.readuntil(b'{"model":"m"}')
        body = b'{"error":{"message":"m"}}' if status == 500 else b"{}"
        writer.write(
            b"HTTP/1.1 %d X\r\nx-request-id: caf\xe9\r\nconnection: close\r\ncontent-length: %d\r\n\r\n%b"
            % (status, len(body), body)
        )
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(provider, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    send, _, _ = await served(providers={"p": {"base_url": f"http://127.0.0.1:{port}/v1"}}, upstream={"retries": 0})
    answer = await send(request())
    server.close()
    assert answer.startswith(b"HTTP/1.1 %d" % status), answer[:200]
    assert b"x-request-id: caf\xc3\xa9\r\n" in answer.lower()
