"""Errors: keys, the operator's and the client's: where they go, and where they must not be seen."""

import asyncio
from collections.abc import Iterator
from typing import Any

import aiohttp
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
    fresh,
    is_anthropic_error,
    proxy_config,
    raw_provider,
    send,
    whole,
)
from e2e_kit.errors import OUR_KEY, nothing_in_log, owned_proxy, plain_proxy, told_as_object


@pytest.fixture(scope="module")
def plain(shared_serve: Serve, shared_sim: Sim) -> Iterator[Served]:
    with plain_proxy(shared_serve, shared_sim) as served:
        yield served


@pytest.fixture(scope="module")
def owned(shared_serve: Serve, shared_sim: Sim) -> Iterator[Served]:
    with owned_proxy(shared_serve, shared_sim) as served:
        yield served


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


async def test_nothing_of_this_is_in_the_log(http: aiohttp.ClientSession, plain: Served, owned: Served) -> None:
    await send(http, plain.url + "/chat/completions", chat("fault-401", SECRET + "-in-prompt"))
    for served in (plain, owned):
        nothing_in_log(served, SECRET, OUR_KEY)
