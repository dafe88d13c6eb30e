"""Start in order, stop in reverse, and what happens when one of them fails."""

import asyncio

import pytest

from tailrace.config.models import Config
from tailrace.gateway import Gateway, PluginStartFailed
from tailrace.plugin import Plugin, PluginSettings
from tailrace.registry import Planned
from tailrace.testing import exchange, services, virtual_time


@pytest.fixture
def gateway():
    """Make a gateway of plugins that write down what is done with them; `a!` fails to start, `a?` to stop."""

    def make(*names):
        told = []

        def planned(text):
            class Told(Plugin):
                name = text.rstrip("!?")

                async def start(self):
                    told.append(f"+{self.name}")
                    if "!" in text:
                        raise KeyError(self.name)

                async def stop(self):
                    told.append(f"-{self.name}")
                    if "?" in text:
                        raise OSError(self.name)

            return Planned(Told, PluginSettings())

        made = Gateway(Config(), [planned(name) for name in names], services(), "hop", b"secret")
        closed = made.upstream.aclose

        async def aclose():
            told.append("-upstream")
            await closed()

        made.upstream.aclose = aclose
        return made, told

    return make


async def test_in_order_and_back(gateway):
    made, told = gateway("a", "b", "c")
    await made.start()
    await made.stop()
    assert told == ["+a", "+b", "+c", "-c", "-b", "-a", "-upstream"]


async def test_a_failed_start_stops_those_that_stand(gateway):
    made, told = gateway("a", "b", "c!", "d")
    with pytest.raises(PluginStartFailed, match="KeyError"):
        await made.start()
    assert told == ["+a", "+b", "+c", "-b", "-a"]


async def test_a_failed_stop_keeps_nobody_else_open(gateway):
    made, told = gateway("a", "b?", "c")
    await made.start()
    await made.stop()
    assert told[3:] == ["-c", "-b", "-a", "-upstream"]


async def test_the_first_failure_is_told(gateway):
    made, told = gateway("a", "b?", "c!")
    with pytest.raises(PluginStartFailed, match="KeyError"):
        await made.start()
    assert told == ["+a", "+b", "+c", "-b", "-a"]


@virtual_time
async def wait_for(made, told, leaves_after_s, wait_s):
    loop = asyncio.get_running_loop()
    made.serving = 1
    loop.call_later(leaves_after_s, made.leave)
    began = loop.time()
    await made.stop(wait_s=wait_s)
    return loop.time() - began


@pytest.mark.parametrize(("leaves_after_s", "wait_s", "waited_s"), [(5, 60, 5), (60, 5, 5), (5, 0, 0)])
def test_it_waits_for_the_last_request(gateway, leaves_after_s, wait_s, waited_s):
    made, told = gateway("a")
    asyncio.run(made.start())
    assert wait_for(made, told, leaves_after_s, wait_s) == pytest.approx(waited_s)
    assert told == ["+a", "-a", "-upstream"]


class ChooserSettings(PluginSettings):
    quality: float = 0.95


class Chooser(Plugin[ChooserSettings]):
    name = "chooser"
    Settings = ChooserSettings
    chooses_model = True


class Other(Chooser):
    name = "other"
    chooses_model = False


def route(plugin, model="auto", targets=("p/big",), **settings):
    models = {"auto": {"route": True}, "big": {"targets": list(targets)}}
    config = Config(providers={"p": {"base_url": "http://p"}, "q": {"base_url": "http://q"}}, models=models)
    made = Gateway(config, [Planned(plugin, ChooserSettings(**settings))], services(), "hop", b"secret")
    return made.plugins[0].services.route(exchange({"model": model}))


@pytest.mark.parametrize("model", ["auto", "big"])
def test_where_plugins_choose_the_route_depends_on_how_they_are_set(model):
    assert route(Chooser, model) == route(Chooser, model) != route(Chooser, model, quality=0.9)
    assert route(Chooser, model) != route(Chooser, model, targets=("q/big",))
    assert route(Other, model) == route(Other, model, quality=0.9)


def test_where_plugins_choose_it_depends_on_all_they_may_choose():
    def small(target):
        models = {"auto": {"route": True}, "big": {"targets": ["p/big"]}, "small": {"targets": [target]}}
        config = Config(providers={"p": {"base_url": "http://p"}}, models=models)
        made = Gateway(config, [Planned(Chooser, ChooserSettings())], services(), "hop", b"secret")
        return made.plugins[0].services.route(exchange({"model": "auto"}))

    assert small("p/one") == small("p/one") != small("p/other")
