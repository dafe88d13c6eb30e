"""Fallback: what is tried elsewhere, within which deadline, and what never is."""

import asyncio
from typing import Any

import aiohttp
import pytest
from e2e_kit import (
    Serve,
    Served,
    Sim,
    chat,
    free_port,
    fresh,
    proxy_config,
    send,
    until,
)
from e2e_kit.retry import DEADLINES, NEVER, complete, tried


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


@pytest.mark.parametrize("fault", NEVER)
async def test_never_tried_elsewhere(http: aiohttp.ClientSession, routed: Served, shared_sim: Sim, fault: str) -> None:
    _, models = await tried(http, routed, shared_sim, f"{fault}-then-good")
    assert models == [f"fault-{fault}"]


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
