"""The whole, in this process: it starts, takes over another configuration, and closes what it opened."""

import asyncio
import gc
import socket

import aiohttp
import pytest

from tailrace.app import CannotListen, checked_plan, running
from tailrace.config import Config, ConfigError, Loaded
from tailrace.config.load import Places
from tailrace.gateway import PluginStartFailed
from tailrace.plugin import Plugin
from tailrace.registry import GROUP
from tailrace.sim import SimSettings
from tailrace.sim import running as sim_running

CHAT = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]}


@pytest.fixture(autouse=True)
def _garbage_as_it_was():
    before = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*before)


@pytest.fixture
async def sim():
    async with sim_running(SimSettings(first_token_ms=0, per_token_ms=0)) as made:
        yield made


@pytest.fixture
async def http():
    async with aiohttp.ClientSession() as session:
        yield session


def loaded(sim=None, **sections):
    config = {
        "server": {"port": 0}, "admin": {"port": 0}, "telemetry": {"log": "off"}, "preset": "off",
        "providers": {"sim": {"base_url": sim.url}} if sim else {},
    }  # fmt: skip
    return Loaded(Config(**{**config, **sections}), Places("f", {("plugins", 0): 7}))


async def status(http, url, **more):
    async with http.post(url, json=CHAT, **more) if "chat" in url else http.get(url, **more) as response:
        await response.read()
        return response.status


async def refused(port):
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return True
    writer.close()
    return False


async def test_it_serves_and_closes(sim, http):
    async with running(loaded(sim)) as proxy:
        root, admin = f"http://127.0.0.1:{proxy.port}", f"http://127.0.0.1:{proxy.admin_port}"
        assert await status(http, f"{root}/v1/chat/completions") == 200
        assert await status(http, f"{root}/livez") == await status(http, f"{admin}/readyz") == 200
        assert await status(http, f"{admin}/metrics") == 200
        assert await status(http, f"{root}/metrics") == 404, "metrics are for the admin port only"
        assert proxy.handler.in_flight == 0
    assert await refused(proxy.port) and await refused(proxy.admin_port)
    assert len(proxy.services.tasks) == 0


async def test_without_an_admin_port(sim):
    async with running(loaded(sim, admin={"enabled": False})) as proxy:
        assert (proxy.admin_port, len(proxy._runners)) == (0, 1)


async def test_on_a_socket_that_is_handed_in(sim, http):
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    port = sock.getsockname()[1]
    async with running(loaded(sim), sock=sock) as proxy:
        assert proxy.port == port
        assert await status(http, f"http://127.0.0.1:{port}/livez") == 200


@pytest.mark.parametrize("section", ["server", "admin"])
async def test_an_address_that_is_taken(sim, section):
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        port = sock.getsockname()[1]
        with pytest.raises(CannotListen, match=f"127.0.0.1:{port}"):
            async with running(loaded(sim, **{section: {"port": port}})):
                raise AssertionError("not reached")


async def test_stopping_drains(sim, http):
    """What is in flight finishes; nobody new gets in; readiness says so at once."""
    async with running(loaded(sim)) as proxy:
        body = {**CHAT, "stream": True}
        url = f"http://127.0.0.1:{proxy.port}/v1/chat/completions"
        async with http.post(url, json=body) as response:
            first = await response.content.readany()
            stopping = asyncio.get_running_loop().create_task(proxy.stop())
            rest = await response.content.read()
            assert (first + rest).endswith(b"data: [DONE]\n\n")
        await stopping
        assert await refused(proxy.port)


# Another configuration.


class Told(Plugin):
    """Writes down what is done with it."""

    name = "told"
    told: list[str] = []

    async def start(self):
        Told.told.append("+told")

    async def stop(self):
        Told.told.append("-told")


class Broken(Told):
    """Does not start."""

    name = "broken"

    async def start(self):
        Told.told.append("+broken")
        raise KeyError("no")


@pytest.fixture
def plugins(monkeypatch):
    """Have two plugins installed."""
    from importlib.metadata import EntryPoint

    entries = {name: EntryPoint(name, "x:y", GROUP) for name in ("told", "broken")}
    monkeypatch.setattr("tailrace.registry.installed", lambda: entries)
    monkeypatch.setattr("tailrace.registry.load_class", lambda entry: {"told": Told, "broken": Broken}[entry.name])
    Told.told = []
    return Told.told


async def test_reload(sim, http, plugins, until_true):
    async with running(loaded(sim, plugins=[{"told": None}])) as proxy:
        url = f"http://127.0.0.1:{proxy.port}/v1/chat/completions"
        assert await status(http, url) == 200
        changed = await proxy.reload(loaded(sim, keys={"static": {"a": "sk-a"}}, server={"port": 0, "drain_s": 1}))
        assert changed == ["server"]
        assert await status(http, url) == 401
        assert await status(http, url, headers={"authorization": "Bearer sk-a"}) == 200
        await until_true(lambda: plugins == ["+told", "-told"])
    assert plugins == ["+told", "-told"]


async def test_a_reload_that_fails_changes_nothing(sim, http, plugins):
    async with running(loaded(sim, plugins=[{"told": None}])) as proxy:
        url, before = f"http://127.0.0.1:{proxy.port}/v1/chat/completions", proxy.gateway
        with pytest.raises(PluginStartFailed, match="KeyError"):
            await proxy.reload(loaded(sim, plugins=[{"told": None}, {"broken": None}]))
        with pytest.raises(ConfigError, match="f:7: "):
            await proxy.reload(loaded(sim, plugins=[{"nothing": None}]))
        assert proxy.gateway is before and await status(http, url) == 200
        assert plugins == ["+told", "+told", "+broken", "-told"]


async def test_a_restart_is_needed_until_there_is_one(sim):
    async with running(loaded(sim)) as proxy:
        other = loaded(sim, server={"port": 0, "drain_s": 1})
        assert await proxy.reload(other) == ["server"]
        assert await proxy.reload(other) == ["server"]


async def test_a_tenant_stays_the_same_over_a_reload(sim):
    async with running(loaded(sim)) as proxy:
        headers = {"authorization": "Bearer k"}
        before = proxy.gateway.doorkeeper.admit(headers).tenant
        await proxy.reload(loaded(sim))
        assert proxy.gateway.doorkeeper.admit(headers).tenant == before


async def test_a_failed_start_stops_each_plugin_once(sim, plugins):
    with pytest.raises(PluginStartFailed, match="KeyError"):
        async with running(loaded(sim, plugins=[{"told": None}, {"broken": None}])):
            raise AssertionError("not reached")
    assert plugins == ["+told", "+broken", "-told"]


def test_a_chain_with_mistakes_is_refused():
    with pytest.raises(
        ConfigError, match=r"f:7: plugins\[0\].strem: no such plugin is installed; did you mean 'stream'"
    ):
        checked_plan(loaded(plugins=[{"strem": {}}]))


@pytest.fixture
def until_true():
    async def wait(holds):
        async with asyncio.timeout(10):
            while not holds():
                await asyncio.sleep(0.005)

    return wait
