"""Retry, fallback, breaker: what is tried again, how often, where, and what never is."""

import asyncio
from collections import Counter
from typing import Any

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
    events,
    free_port,
    fresh,
    proxy_config,
    raw_provider,
    send,
    until,
    whole,
)

DEADLINES = {"connect_s": 1, "first_event_s": 0.6, "idle_s": 1, "total_s": 4}


@pytest.fixture(scope="module")
def plain(shared_serve: Serve, shared_sim: Sim) -> Served:
    return shared_serve(proxy_config(shared_sim.url, upstream=DEADLINES))


@pytest.fixture(scope="module")
def routed(shared_serve: Serve, shared_sim: Sim) -> Served:
    """Every fault with a good target behind it; two providers, so that health is told apart."""
    dead = f"http://127.0.0.1:{free_port()}/v1"
    providers = {
        "sim": {"base_url": shared_sim.url},
        "dead": {"base_url": dead},
        # TEST-NET-1: never answers a connection attempt, or has no route at all.
        "far": {"base_url": "http://192.0.2.1:9/v1"},
        "nowhere": {"base_url": "http://no-such-host.invalid/v1"},
    }
    faults = [
        "hang",
        "disconnect",
        "reset-before-headers",
        "500",
        "502",
        "503",
        "529",
        "504",
        "html-502",
        "bad-json-200",
    ]
    faults += ["429", "retry-after-30", "400", "401", "403", "404", "413", "422", "quota", "content-policy", "409"]
    models: dict[str, Any] = {
        f"{fault}-then-good": {"targets": [f"sim/fault-{fault}", "sim/gpt-4o"]} for fault in faults
    }
    models["dead-then-good"] = {"targets": ["dead/x", "sim/gpt-4o"]}
    models["far-then-good"] = {"targets": ["far/x", "sim/gpt-4o"]}
    models["nowhere-then-good"] = {"targets": ["nowhere/x", "sim/gpt-4o"]}
    models["all-dead"] = {"targets": ["dead/x", "dead/y"]}
    models["all-hang"] = {"targets": ["sim/fault-hang", "sim/fault-hang-after-headers"]}
    models["slow-last"] = {"targets": ["sim/fault-hang", "sim/fault-slow-first-token-1200"]}
    # No ejection here: each test sees its target fresh.
    upstream = {**DEADLINES, "eject_after": 10_000}
    return shared_serve(proxy_config(shared_sim.url, providers=providers, models=models, upstream=upstream))


async def tried(
    http: aiohttp.ClientSession, served: Served, sim: Sim, model: str, *, stream: bool = False, **headers: str
) -> tuple[Any, list[str]]:
    """The answer, and the models the provider was asked for."""
    test_id = fresh()
    answer = await send(
        http, served.url + "/chat/completions", chat(model, stream=stream), headers={"x-test-id": test_id, **headers}
    )
    return answer, [entry["model"] for entry in sim.entries(test_id)]


def complete(answer: Any, stream: bool) -> bool:
    """Whether the answer is whole and good."""
    if answer.status != 200:
        return False
    return events(answer.body)[-1].data == "[DONE]" if stream else bool(answer.json()["choices"])


# What is tried again on the same target.


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


NEVER = ["400", "401", "403", "404", "409", "413", "422", "quota", "content-policy"]


@pytest.mark.parametrize("fault", NEVER)
async def test_never_tried_again(http: aiohttp.ClientSession, plain: Served, shared_sim: Sim, fault: str) -> None:
    for stream in (False, True):
        answer, models = await tried(http, plain, shared_sim, f"fault-{fault}", stream=stream)
        assert answer.status in (400, 401, 403, 404, 409, 413, 422, 429)
        assert len(models) == 1


@pytest.mark.parametrize("fault", NEVER)
async def test_never_tried_elsewhere(http: aiohttp.ClientSession, routed: Served, shared_sim: Sim, fault: str) -> None:
    _, models = await tried(http, routed, shared_sim, f"{fault}-then-good")
    assert models == [f"fault-{fault}"]


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


# Fallback.


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    "first", ["disconnect", "reset-before-headers", "500", "502", "503", "504", "529", "html-502", "retry-after-30"]
)
async def test_fallback(http: aiohttp.ClientSession, routed: Served, shared_sim: Sim, first: str, stream: bool) -> None:
    answer, models = await tried(http, routed, shared_sim, f"{first}-then-good", stream=stream)
    assert complete(answer, stream), answer.body
    assert models[-1] == "gpt-4o" and models.count("gpt-4o") == 1
    assert 1 <= models.count(f"fault-{first}") <= 2


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("first", ["dead", "far", "nowhere"])
async def test_fallback_from_where_nobody_listens(
    http: aiohttp.ClientSession, routed: Served, shared_sim: Sim, first: str, stream: bool
) -> None:
    answer, models = await tried(http, routed, shared_sim, f"{first}-then-good", stream=stream)
    assert complete(answer, stream), answer.body
    assert models == ["gpt-4o"]


@pytest.mark.parametrize("stream", [False, True])
async def test_fallback_from_one_that_hangs_within_the_deadline(
    http: aiohttp.ClientSession, routed: Served, shared_sim: Sim, stream: bool
) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    answer, models = await tried(http, routed, shared_sim, "hang-then-good", stream=stream)
    assert complete(answer, stream), answer.body
    assert models == ["fault-hang", "gpt-4o"]
    assert loop.time() - began < DEADLINES["total_s"]
    await until(lambda: not [e for e in shared_sim.entries(model="fault-hang") if e["state"] == "in-flight"])


async def test_all_hang_is_504_within_the_deadline(
    http: aiohttp.ClientSession, routed: Served, shared_sim: Sim
) -> None:
    loop = asyncio.get_running_loop()
    for stream in (False, True):
        began = loop.time()
        answer, models = await tried(http, routed, shared_sim, "all-hang", stream=stream)
        assert answer.status == 504
        assert answer.json()["error"]["code"] == "upstream_timeout"
        assert len(models) == 2
        assert loop.time() - began < DEADLINES["total_s"] + 1.5


async def test_the_last_target_gets_what_is_left(http: aiohttp.ClientSession, routed: Served, shared_sim: Sim) -> None:
    answer, models = await tried(http, routed, shared_sim, "slow-last")
    assert complete(answer, stream=False), answer.body
    assert len(models) == 2


async def test_all_dead(http: aiohttp.ClientSession, routed: Served) -> None:
    answer = await send(http, routed.url + "/chat/completions", chat("all-dead"))
    assert answer.status == 502
    assert answer.headers["x-should-retry"] == "false"


async def test_fallback_names_the_right_model(http: aiohttp.ClientSession, routed: Served, shared_sim: Sim) -> None:
    test_id = fresh()
    body = chat("500-then-good", temperature=0.5, unknown_field={"kept": [1, 2.5, None]})
    answer = await send(http, routed.url + "/chat/completions", body, headers={"x-test-id": test_id})
    assert answer.status == 200
    first, second = shared_sim.entries(test_id)
    assert (first["body"]["model"], second["body"]["model"]) == ("fault-500", "gpt-4o")
    assert {k: v for k, v in first["body"].items() if k != "model"} == {k: v for k, v in body.items() if k != "model"}
    assert {k: v for k, v in second["body"].items() if k != "model"} == {k: v for k, v in body.items() if k != "model"}


async def test_upload_and_passthrough_hang_ends_with_the_deadline(
    http: aiohttp.ClientSession, plain: Served, shared_sim: Sim
) -> None:
    async def one(data: Any, method: str) -> int:
        headers = {"x-sim-fault": "fault-hang"}
        found = await send(http, plain.url + "/files", data=data, method=method, headers=headers, timeout_s=9)
        return found.status

    assert await asyncio.gather(one(None, "GET"), one(b"some bytes", "POST")) == [504, 504]


# The budget.


@pytest.mark.parametrize("how", ["503", "disconnect"])
async def test_a_storm_is_not_fed(serve: Serve, how: str) -> None:
    """A hundred that fail at once may become a hundred and twenty attempts, not two hundred."""
    seen = 0
    everybody = asyncio.Event()

    async def answer(_: RawRequest, writer: asyncio.StreamWriter) -> bool:
        nonlocal seen
        seen += 1
        if seen <= 100:
            if seen == 100:
                everybody.set()
            await everybody.wait()
        else:
            # A retry keeps its place for a while, so that none comes back before all have failed.
            await asyncio.sleep(1)
        if how == "503":
            writer.write(whole(b"{}", status=b"503 Service Unavailable"))
        return how == "503"

    async with raw_provider(answer) as provider:
        proxy = await asyncio.to_thread(serve, proxy_config(provider.url))
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
            answers = await asyncio.gather(*(send(http, proxy.url + "/chat/completions", chat()) for _ in range(100)))
    assert all(found.status in (502, 503) for found in answers)
    assert 103 <= seen <= 120


async def test_fallbacks_keep_to_the_budget(serve: Serve) -> None:
    """The budget bounds what is under way at once: with a second target that hangs, no place comes back."""
    seen: Counter[str] = Counter()
    everybody = asyncio.Event()

    async def answer(request: RawRequest, writer: asyncio.StreamWriter) -> bool:
        which = "first" if b'"first"' in request.body else "second"
        seen[which] += 1
        if seen["first"] == 100:
            everybody.set()
        # All are in flight before the first fails: the share is of a hundred.
        await everybody.wait()
        if which == "second":
            await asyncio.sleep(0.5)
        writer.write(whole(b"{}", status=b"500 Internal Server Error"))
        return True

    async with raw_provider(answer) as provider:
        models = {"m": {"targets": ["sim/first", "sim/second"]}}
        proxy = await asyncio.to_thread(
            serve, proxy_config(provider.url, models=models, upstream={"eject_after": 10_000})
        )
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
            await asyncio.gather(*(send(http, proxy.url + "/chat/completions", chat("m")) for _ in range(100)))
    assert seen["first"] == 100
    assert 3 <= seen["second"] <= 20


# The breaker.


@pytest.fixture
async def flaky(serve: Serve, shared_sim: Sim) -> Served:
    """A target that fails its first five requests, and a good one behind it."""
    models = {"m": {"targets": [f"sim/fault-500-times-5-{fresh()}", "sim/gpt-4o"]}}
    upstream = {**DEADLINES, "eject_s": 1.2}
    return await asyncio.to_thread(serve, proxy_config(shared_sim.url, models=models, upstream=upstream))


async def test_ejection_and_probe(http: aiohttp.ClientSession, flaky: Served, shared_sim: Sim) -> None:
    async def ask(times: int) -> Counter[str]:
        test_id = fresh()
        answers = await asyncio.gather(
            *(
                send(http, flaky.url + "/chat/completions", chat("m"), headers={"x-test-id": test_id})
                for _ in range(times)
            )
        )
        assert all(answer.status == 200 for answer in answers)
        return Counter("good" if e["model"] == "gpt-4o" else "bad" for e in shared_sim.entries(test_id))

    for _ in range(5):
        assert await ask(1) == {"bad": 1, "good": 1}
    assert await ask(10) == {"good": 10}, "ejected after five failures in a row"

    async def came_back() -> bool:
        return (await ask(1))["bad"] == 1

    await until(came_back, 8, "a probe after eject_s")
    assert await ask(5) == {"bad": 5}, "the probe was answered: it is in again"


async def test_only_one_probe(http: aiohttp.ClientSession, serve: Serve) -> None:
    """While the probe is unanswered, everybody else goes to the other target."""
    release = asyncio.Event()
    probing = asyncio.Event()
    seen: Counter[str] = Counter()

    async def answer(request: RawRequest, writer: asyncio.StreamWriter) -> bool:
        which = "bad" if b'"bad"' in request.body else "good"
        seen[which] += 1
        if which == "good":
            writer.write(whole(COMPLETION))
        elif seen["bad"] <= 5:
            writer.write(whole(b"{}", status=b"500 Internal Server Error"))
        else:
            probing.set()
            await release.wait()
            writer.write(whole(COMPLETION))
        return True

    async with raw_provider(answer) as provider:
        models = {"m": {"targets": ["sim/bad", "sim/good"]}}
        upstream = {"total_s": 20, "eject_s": 0.5}
        proxy = await asyncio.to_thread(serve, proxy_config(provider.url, models=models, upstream=upstream))

        async def ask() -> int:
            return (await send(http, proxy.url + "/chat/completions", chat("m"))).status

        for _ in range(5):
            assert await ask() == 200
        asking: list[asyncio.Task[int]] = []

        def another() -> bool:
            asking.append(asyncio.get_running_loop().create_task(ask()))
            return probing.is_set()

        await until(another, 8, "a probe after eject_s")
        more = [asyncio.get_running_loop().create_task(ask()) for _ in range(20)]
        assert await asyncio.gather(*more) == [200] * 20
        assert seen["bad"] == 6, "one probe at a time"
        release.set()
        assert set(await asyncio.gather(*asking)) == {200}
        before = seen["good"]
        assert await ask() == 200 and seen["good"] == before


async def test_the_last_target_is_never_ejected(http: aiohttp.ClientSession, plain: Served, shared_sim: Sim) -> None:
    model = f"fault-500-times-8-{fresh()}"
    for _ in range(8):
        answer, models = await tried(http, plain, shared_sim, model)
        assert answer.status == 500 and len(models) == 1
    answer, models = await tried(http, plain, shared_sim, model)
    assert answer.status == 200


async def test_clients_mistakes_do_not_eject(http: aiohttp.ClientSession, serve: Serve, shared_sim: Sim) -> None:
    models = {
        "bad-client": {"targets": ["sim/fault-400", "sim/gpt-4o"]},
        "busy": {"targets": ["sim/fault-retry-after-30", "sim/gpt-4o"]},
    }
    proxy = await asyncio.to_thread(serve, proxy_config(shared_sim.url, models=models, upstream=DEADLINES))
    for _ in range(8):
        answer, models_seen = await tried(http, proxy, shared_sim, "bad-client")
        assert answer.status == 400 and models_seen == ["fault-400"]
    for _ in range(8):
        answer, models_seen = await tried(http, proxy, shared_sim, "busy")
        assert answer.status == 200 and models_seen == ["fault-retry-after-30", "gpt-4o"]


async def test_clients_that_leave_do_not_eject(http: aiohttp.ClientSession, serve: Serve, shared_sim: Sim) -> None:
    models = {"m": {"targets": ["sim/fault-hang", "sim/gpt-4o"]}}
    proxy = await asyncio.to_thread(serve, proxy_config(shared_sim.url, models=models, upstream={"total_s": 60}))
    for _ in range(7):
        test_id = fresh()
        task = asyncio.get_running_loop().create_task(
            send(http, proxy.url + "/chat/completions", chat("m"), headers={"x-test-id": test_id})
        )
        await until(lambda test_id=test_id: shared_sim.entries(test_id))
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert [entry["model"] for entry in shared_sim.entries(test_id)] == ["fault-hang"]


# Connections that died in the pool.


async def test_provider_that_closes_after_each_answer(http: aiohttp.ClientSession, plain: Served) -> None:
    failed = []
    for _ in range(20):
        answers = await asyncio.gather(
            *(
                send(http, plain.url + "/chat/completions", chat("fault-close-after-each", stream=n % 2 == 0))
                for n in range(20)
            )
        )
        failed += [answer.body for answer in answers if answer.status != 200]
    assert failed == []


async def test_one_at_a_time_against_a_provider_that_closes(http: aiohttp.ClientSession, plain: Served) -> None:
    for number in range(100):
        answer = await send(http, plain.url + "/chat/completions", chat("fault-close-after-each"))
        assert answer.status == 200, number


async def test_stateful_on_a_connection_that_died(http: aiohttp.ClientSession, serve: Serve) -> None:
    """Never retried, so the dead connection must be found before it is used."""
    served = 0

    async def answer(request: RawRequest, writer: asyncio.StreamWriter) -> None:
        nonlocal served
        served += 1
        if b'"stream":true' in request.body:
            writer.write(STREAM_HEAD + chunk(delta("a", "stop")) + chunk(b"data: [DONE]\n\n") + chunk(b""))
        else:
            writer.write(whole(COMPLETION))
        await writer.drain()

    async with raw_provider(answer) as provider:
        proxy = await asyncio.to_thread(serve, proxy_config(provider.url))
        for number in range(60):
            body = chat(store=True, stream=number % 2 == 0)
            found = await send(http, proxy.url + "/chat/completions", body)
            assert found.status == 200, (number, found.body)
    assert served == 60
