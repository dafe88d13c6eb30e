"""What is kept where: over restarts and kills, between tenants and proxies, until it is purged or routed elsewhere."""

import asyncio
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest
import yaml
from e2e_kit import TAILRACE, Serve, Served, Sim, chat, clean_env, events, fresh, proxy_config, send, until
from redis_kit import redis_server


@pytest.fixture
def config(shared_sim: Sim, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """A configuration whose data outlives its proxy."""

    def make(**sections: Any) -> dict[str, Any]:
        return proxy_config(shared_sim.url, data_dir=str(tmp_path / "data"), **sections)

    return make


class Asking:
    """One question, asked as often as wanted; `calls` counts what reached the provider."""

    def __init__(self, http: aiohttp.ClientSession, sim: Sim, **more: Any) -> None:
        self.http, self.sim, self.id = http, sim, fresh()
        self.payload = {**chat(text=f"Tides? {self.id}"), "temperature": 0, **more}

    async def __call__(self, served: Served, key: str = "sk-one", headers: Any = None, **more: Any) -> str:
        """What became of it, as `x-tailrace-cache` tells."""
        given = {"authorization": f"Bearer {key}", "x-test-id": self.id, **(headers or {})}
        self.answer = await send(self.http, served.url + "/chat/completions", {**self.payload, **more}, headers=given)
        assert self.answer.status == 200, self.answer.body
        return self.answer.headers["x-tailrace-cache"]

    @property
    def calls(self) -> int:
        return len(self.sim.entries(self.id))


@pytest.fixture
def asking(http: aiohttp.ClientSession, shared_sim: Sim) -> Callable[..., Asking]:
    return lambda **more: Asking(http, shared_sim, **more)


async def statistics(http: aiohttp.ClientSession, served: Served) -> Any:
    answer = await send(http, served.admin + "/cache", method="GET")
    assert answer.status == 200
    return answer.json()["caches"]["exact_cache"]


async def test_a_restart_keeps_it(serve: Serve, config: Any, asking: Any) -> None:
    ask = asking()
    first = await asyncio.to_thread(serve, config())
    assert await ask(first) == "miss"
    before = ask.answer.json()
    first.terminate()
    assert await asyncio.to_thread(first.wait) == 0
    second = await asyncio.to_thread(serve, config())
    assert await ask(second) == "exact" and ask.calls == 1
    assert ask.answer.json()["choices"] == before["choices"]
    assert await ask(second, key="sk-two") == "miss", "its tenant has the same name again, and no other"


async def test_a_kill_loses_the_last_second_at_most(
    serve: Serve, config: Any, asking: Any, http: aiohttp.ClientSession
) -> None:
    asks = [asking() for _ in range(20)]
    first = await asyncio.to_thread(serve, config())
    for ask in asks:
        assert await ask(first) == "miss"
    # Statistics count what is on the disk, after writing what waits.
    assert (await statistics(http, first))["entries"] == 20
    first.process.send_signal(signal.SIGKILL)
    await asyncio.to_thread(first.wait)
    second = await asyncio.to_thread(serve, config())
    assert [await ask(second) for ask in asks] == ["exact"] * 20
    assert "damaged" not in "\n".join(second.lines())


async def test_nobody_else_reads_the_files(serve: Serve, config: Any, asking: Any, tmp_path: Path) -> None:
    await asking()(await asyncio.to_thread(serve, config()))
    for path in (tmp_path / "data").rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path


async def test_keys_never_share(serve: Serve, config: Any, asking: Any) -> None:
    keys = {"static": {"alice": "sk-alice", "bob": "sk-bob"}}
    served = await asyncio.to_thread(serve, config(keys=keys))
    ask = asking()
    for turn in ("miss", "exact"):
        for key in ("sk-alice", "sk-bob"):
            assert await ask(served, key=key) == turn
    assert ask.calls == 2
    other = asking()
    passthrough = await asyncio.to_thread(serve, config())
    assert [await other(passthrough, key=key) for key in ("sk-1", "sk-2", "sk-1")] == ["miss", "miss", "exact"]


@pytest.mark.parametrize("form", ["whole", "stream", "mixed"])
async def test_fifty_at_once_are_one_call(serve: Serve, config: Any, asking: Any, form: str) -> None:
    served = await asyncio.to_thread(serve, config())
    opted = {"stream": True, "stream_options": {"include_usage": True}}
    forms: list[dict[str, Any]] = {"whole": [{}], "stream": [opted], "mixed": [{}, opted, {"stream": True}]}[form]  # type: ignore[assignment]
    leader = asking(messages=[{"role": "user", "content": f"[[sim: first=400 delay=2 tokens=60]] {fresh()}"}])
    asks = []
    for _ in range(50):
        one = asking()
        one.payload, one.id = leader.payload, leader.id
        asks.append(one)
    first = asyncio.get_running_loop().create_task(leader(served, **opted))
    await until(lambda: leader.calls)
    await asyncio.gather(*(one(served, **forms[n % len(forms)]) for n, one in enumerate(asks)))
    assert await first == "miss" and leader.calls == 1
    texts = {said(one.answer.body) for one in [leader, *asks]}
    assert len(texts) == 1 and texts != {""}


def said(body: bytes) -> str:
    if body.startswith(b"{"):
        return str(orjson.loads(body)["choices"][0]["message"]["content"])
    chunks = [event.json() for event in events(body) if event.data != "[DONE]"]
    return "".join(c["choices"][0]["delta"].get("content") or "" for c in chunks if c["choices"])


async def test_purge_on_the_admin_port(serve: Serve, config: Any, asking: Any, http: aiohttp.ClientSession) -> None:
    served = await asyncio.to_thread(serve, config(admin={"token": "t0ken-4711"}))
    red, blue = asking(), asking(model="gpt-4o-mini")
    for ask, tag in ((red, "red"), (blue, "blue")):
        await ask(served, headers={"x-tailrace-cache-tags": tag})
    url, allowed = served.admin + "/cache/purge", {"authorization": "Bearer t0ken-4711"}
    for refused in ({}, {"authorization": "Bearer no"}, {**allowed, "origin": "http://evil.example"}):
        assert (await send(http, url, {"everything": True}, headers=refused)).status in (401, 403)
    assert (await send(http, url, {}, headers=allowed)).status == 400
    answer = await send(http, url, {"tag": "red"}, headers=allowed)
    assert answer.json() == {"purged": {"exact_cache": 1}, "total": 1}
    assert await blue(served) == "exact" and await red(served) == "miss"
    answer = await send(http, url, {"question": f"*{blue.id}"}, headers=allowed)
    assert answer.json()["total"] == 1 and await blue(served) == "miss"


def tailrace(served: Served, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    command = [TAILRACE, "cache", *arguments, "--url", served.admin]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, env=clean_env(env), check=False)


async def test_the_command_line(serve: Serve, config: Any, asking: Any) -> None:
    served = await asyncio.to_thread(serve, config(admin={"token": "t0ken-4711"}))
    one, two = asking(), asking(model="gpt-4o-mini")
    for ask in (one, two, one):
        await ask(served)
    env = {"TAILRACE_ADMIN_TOKEN": "t0ken-4711"}
    shown = await asyncio.to_thread(tailrace, served, "stats", **env)
    assert shown.returncode == 0 and "exact_cache" in shown.stdout and "gpt-4o: 1 of 2 hit" in shown.stdout
    told = orjson.loads((await asyncio.to_thread(tailrace, served, "stats", "--json", **env)).stdout)
    assert (told["caches"]["exact_cache"]["hits"], told["caches"]["exact_cache"]["entries"]) == (1, 2)
    purged = await asyncio.to_thread(tailrace, served, "purge", "--model", "gpt-4o-mini", **env)
    assert (purged.returncode, purged.stdout) == (0, "exact_cache: 1 deleted\n")
    assert await one(served) == "exact" and await two(served) == "miss"
    assert (await asyncio.to_thread(tailrace, served, "purge", "--all", **env)).stdout == "exact_cache: 2 deleted\n"
    refused = await asyncio.to_thread(tailrace, served, "purge", "--all", "--token", "wrong")
    assert refused.returncode == 1 and "401" in refused.stderr and "Traceback" not in refused.stderr


async def test_a_model_that_is_routed_elsewhere(serve: Serve, config: Any, asking: Any) -> None:
    given = config(models={"gpt-4o": {"targets": ["sim/gpt-4o"]}})
    served = await asyncio.to_thread(serve, given)
    ask = asking()
    assert [await ask(served), await ask(served)] == ["miss", "exact"]
    given["models"] = {"gpt-4o": {"targets": ["sim/gpt-4.1"]}}
    served.config.write_text(yaml.safe_dump(given))
    served.process.send_signal(signal.SIGHUP)

    async def is_asked_again() -> bool:
        return await ask(served) == "miss"

    await until(is_asked_again)
    assert [entry["model"] for entry in ask.sim.entries(ask.id)] == ["gpt-4o", "gpt-4.1"]
    assert await ask(served) == "exact"


async def test_the_answer_of_a_fallback_is_asked_for_again(serve: Serve, config: Any, asking: Any) -> None:
    served = await asyncio.to_thread(serve, config(models={"gpt-4o": {"targets": ["sim/fault-500", "sim/gpt-4.1"]}}))
    ask = asking()
    assert [await ask(served), await ask(served)] == ["miss", "miss"]


async def test_a_client_says_no_store(serve: Serve, config: Any, asking: Any) -> None:
    served = await asyncio.to_thread(serve, config())
    for headers in ({"cache-control": "no-store"}, {"x-tailrace-no-store": "1"}):
        ask = asking()
        assert [await ask(served, headers=headers) for _ in range(2)] == ["bypass"] * 2 and ask.calls == 2
    ask = asking()
    await ask(served)
    assert await ask(served, headers={"cache-control": "no-cache"}) == "miss" and ask.calls == 2


async def test_its_counts_are_on_the_metrics(
    serve: Serve, config: Any, asking: Any, http: aiohttp.ClientSession
) -> None:
    served = await asyncio.to_thread(serve, config())
    ask = asking()
    for _ in range(3):
        await ask(served)
    await ask(served, temperature=0.5)

    async def counted() -> bool:
        text = (await send(http, served.admin + "/metrics", method="GET")).body.decode()
        wanted = {("exact", 2), ("miss", 1), ("bypass", 1)}
        lines = [line for line in text.splitlines() if line.startswith("tailrace_cache_requests")]
        return all(
            any(f'"{result}"' in line and line.endswith(f" {count}.0") for line in lines) for result, count in wanted
        )

    await until(counted)


async def test_two_proxies_share_a_redis(serve: Serve, config: Any, asking: Any, http: aiohttp.ClientSession) -> None:
    with redis_server() as server:
        plugins = [{"exact_cache": {"redis": server.url}}]
        keys = {"static": {"alice": "sk-alice", "bob": "sk-bob"}}
        one, two = [await asyncio.to_thread(serve, config(plugins=plugins, keys=keys)) for _ in range(2)]
        ask = asking()
        assert await ask(one, key="sk-alice") == "miss"
        # An entry is on its way to Redis when the answer is with the client.
        await until(lambda: server.client().dbsize() == 1)
        assert await ask(two, key="sk-alice") == "exact" and await ask(two, key="sk-bob") == "miss"
        assert ask.calls == 2
        await until(lambda: server.client().dbsize() == 2)
        purged = await send(http, one.admin + "/cache/purge", {"everything": True})
        assert purged.json()["total"] == 2 and await ask(two, key="sk-alice") == "miss"
        server.kill()
        assert await ask(one, key="sk-alice") == await ask(two, key="sk-bob") == "miss"
    for served in (one, two):
        assert "left out" in "\n".join(served.lines()) and "Traceback" not in "\n".join(served.lines())
