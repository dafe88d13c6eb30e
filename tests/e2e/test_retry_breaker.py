"""The budget of retries and fallbacks, and the breaker: what bounds what is tried again."""

import asyncio
from collections import Counter

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
    raw_provider,
    send,
    until,
    whole,
)
from e2e_kit.retry import DEADLINES, tried


@pytest.fixture(scope="module")
def plain(shared_serve: Serve, shared_sim: Sim) -> Served:
    return shared_serve(proxy_config(shared_sim.url, upstream=DEADLINES))


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
