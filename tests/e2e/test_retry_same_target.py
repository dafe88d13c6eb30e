"""Retry: what is tried again on the same target, how often, and what never is."""

import asyncio
from typing import Any

import aiohttp
import pytest
from e2e_kit import (
    RawRequest,
    Serve,
    Served,
    Sim,
    chat,
    fresh,
    proxy_config,
    raw_provider,
    send,
)
from e2e_kit.retry import DEADLINES, NEVER, complete, tried


@pytest.fixture(scope="module")
def plain(shared_serve: Serve, shared_sim: Sim) -> Served:
    return shared_serve(proxy_config(shared_sim.url, upstream=DEADLINES))


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("fault", ["429", "502", "503", "529", "disconnect", "reset-before-headers"])
async def test_one_failure_is_mended(
    http: aiohttp.ClientSession, plain: Served, shared_sim: Sim, fault: str, stream: bool
) -> None:
    answer, models = await tried(http, plain, shared_sim, f"fault-{fault}-once-{fresh()}", stream=stream)
    assert complete(answer, stream), answer.body
    assert len(models) == 2


@pytest.mark.parametrize("fault", ["502", "503", "529", "disconnect"])
async def test_two_failures_are_not(http: aiohttp.ClientSession, plain: Served, shared_sim: Sim, fault: str) -> None:
    answer, models = await tried(http, plain, shared_sim, f"fault-{fault}-times-9-{fresh()}")
    assert answer.status in (502, 503)
    assert len(models) == 2
    assert answer.headers["x-should-retry"] == "false"


async def test_retry_after_that_is_too_long_is_passed_on(
    http: aiohttp.ClientSession, plain: Served, shared_sim: Sim
) -> None:
    answer, models = await tried(http, plain, shared_sim, "fault-retry-after-30")
    assert answer.status == 429 and answer.headers["retry-after"] == "30"
    assert len(models) == 1
    assert "x-should-retry" not in answer.headers


async def test_retry_after_beyond_the_deadline_is_passed_on(
    http: aiohttp.ClientSession, plain: Served, shared_sim: Sim
) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    # Shorter than retry_after_max_s (10), longer than total_s (4).
    answer, models = await tried(http, plain, shared_sim, "fault-retry-after-6")
    assert answer.status == 429 and len(models) == 1
    assert loop.time() - began < 3


@pytest.mark.parametrize("fault", NEVER)
async def test_never_tried_again(http: aiohttp.ClientSession, plain: Served, shared_sim: Sim, fault: str) -> None:
    for stream in (False, True):
        answer, models = await tried(http, plain, shared_sim, f"fault-{fault}", stream=stream)
        assert answer.status in (400, 401, 403, 404, 409, 413, 422, 429)
        assert len(models) == 1


@pytest.mark.parametrize("fault", ["500", "504", "html-200", "bad-json-200", "empty-200", "truncated-json"])
async def test_not_on_the_same_target(http: aiohttp.ClientSession, plain: Served, shared_sim: Sim, fault: str) -> None:
    answer, models = await tried(http, plain, shared_sim, f"fault-{fault}")
    assert answer.status >= 500
    assert len(models) == 1


STATEFUL = [
    {"previous_response_id": "resp_1"},
    {"conversation": "conv_1"},
    {"conversation": {"id": "conv_1"}},
    {"background": True},
    {"store": True},
]


@pytest.mark.parametrize("fields", STATEFUL, ids=lambda fields: next(iter(fields)))
@pytest.mark.parametrize("fault", ["503", "disconnect", "502"])
async def test_stateful_is_tried_again_only_with_a_key(
    http: aiohttp.ClientSession, plain: Served, shared_sim: Sim, fields: dict[str, Any], fault: str
) -> None:
    for key, attempts in (({}, 1), ({"idempotency-key": "k"}, 2)):
        test_id = fresh()
        body = {"model": f"fault-{fault}-times-5-{fresh()}", "input": "hi", **fields}
        answer = await send(http, plain.url + "/responses", body, headers={"x-test-id": test_id, **key})
        assert answer.status >= 500
        assert len(shared_sim.entries(test_id)) == attempts


async def test_responses_store_by_default(http: aiohttp.ClientSession, plain: Served, shared_sim: Sim) -> None:
    """The Responses API stores unless told `store: false`: repeating it leaves two behind."""
    for fields, attempts in (({}, 1), ({"store": False}, 2)):
        test_id = fresh()
        body = {"model": f"fault-disconnect-times-5-{fresh()}", "input": "hi", **fields}
        await send(http, plain.url + "/responses", body, headers={"x-test-id": test_id})
        assert len(shared_sim.entries(test_id)) == attempts, fields


@pytest.mark.parametrize(("method", "path"), [("POST", "/responses/r_1/cancel"), ("DELETE", "/responses/r_1")])
@pytest.mark.parametrize("fault", ["disconnect", "503"])
async def test_passthrough_that_changes_something_is_not_repeated(
    http: aiohttp.ClientSession, plain: Served, shared_sim: Sim, method: str, path: str, fault: str
) -> None:
    test_id = fresh()
    headers = {"x-test-id": test_id, "x-sim-fault": f"fault-{fault}"}
    await send(http, plain.url + path, method=method, headers=headers)
    assert len(shared_sim.entries(test_id)) == 1


async def test_passthrough_that_only_reads_is_repeated(
    http: aiohttp.ClientSession, plain: Served, shared_sim: Sim
) -> None:
    test_id = fresh()
    headers = {"x-test-id": test_id, "x-sim-fault": f"fault-503-once-{fresh()}"}
    answer = await send(http, plain.url + "/files/file-bytes-10/content", headers=headers)
    assert answer.status == 200 and len(answer.body) == 10
    assert len(shared_sim.entries(test_id)) == 2


async def test_upload_is_not_repeated(http: aiohttp.ClientSession, plain: Served, shared_sim: Sim) -> None:
    for fault in ("503", "disconnect"):
        test_id = fresh()
        form = aiohttp.FormData({"purpose": "batch"})
        form.add_field("file", b"x" * 1000, filename="a.jsonl")
        headers = {"x-test-id": test_id, "x-sim-fault": f"fault-{fault}"}
        answer = await send(http, plain.url + "/files", data=form, headers=headers)
        assert answer.status in (502, 503)
        assert len(shared_sim.entries(test_id)) == 1


async def test_half_a_head_is_an_answer_begun(http: aiohttp.ClientSession, serve: Serve) -> None:
    """Only a disconnect before any byte may be repeated."""

    async def answer(_: RawRequest, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-ty")
        await writer.drain()

    async with raw_provider(answer) as provider:
        proxy = await asyncio.to_thread(serve, proxy_config(provider.url))
        found = await send(http, proxy.url + "/chat/completions", chat())
        assert found.status == 502
        assert len(provider.requests) == 1


async def test_upload_and_passthrough_hang_ends_with_the_deadline(
    http: aiohttp.ClientSession, plain: Served, shared_sim: Sim
) -> None:
    async def one(data: Any, method: str) -> int:
        headers = {"x-sim-fault": "fault-hang"}
        found = await send(http, plain.url + "/files", data=data, method=method, headers=headers, timeout_s=9)
        return found.status

    assert await asyncio.gather(one(None, "GET"), one(b"some bytes", "POST")) == [504, 504]
