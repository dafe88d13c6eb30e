"""What one configuration makes: plugins, chain, providers. A reload makes a new one beside the old."""

import asyncio
import logging
import random
from collections.abc import Sequence
from dataclasses import replace

from tailrace.chain import AnyPlugin, Chain
from tailrace.config.models import Config
from tailrace.http.who import Doorkeeper
from tailrace.plugin import Services
from tailrace.registry import Planned
from tailrace.upstream.book import ModelBook
from tailrace.upstream.call import Upstream
from tailrace.wire.canonical import fingerprint

_log = logging.getLogger("tailrace")


class PluginStartFailed(Exception):
    """A plugin could not start; the text names it. Its own words are told: they are meant for the operator."""

    def __init__(self, plugin: str, error: Exception) -> None:
        super().__init__(f"the plugin {plugin} could not start: {type(error).__name__}: {error}")
        self.plugin = plugin


class Gateway:
    """Serves requests from `start` to `stop`. Requests hold it by `serving`, so that a reload cuts none."""

    def __init__(self, config: Config, planned: Sequence[Planned], services: Services, hop: str, secret: bytes) -> None:
        self.config = config
        self.services = services
        self.doorkeeper = Doorkeeper(config.keys, secret)
        self.upstream = Upstream(config, services.tasks, services.clock, random.Random(), hop)
        book = ModelBook(config, self.upstream.targets, services.prices)
        lent = replace(services, route=self.upstream.route, models=book)
        self.plugins: list[AnyPlugin] = [plan.make(lent) for plan in planned]
        choosers = {
            plugin.name: plugin.settings.model_dump(mode="json") for plugin in self.plugins if plugin.chooses_model
        }
        if choosers:
            models = {name: [*model.targets, model.route] for name, model in config.models.items()}
            self.upstream.choosers = f" {fingerprint({'plugins': choosers, 'models': models})}"
        self._started: list[AnyPlugin] = []
        self.chain = Chain(self.plugins, self.upstream, services.clock)
        self.routes_by_model = bool(config.models)
        self.serving = 0
        self._idle = asyncio.Event()
        self._idle.set()

    def leave(self) -> None:
        """A request is done with this gateway."""
        self.serving -= 1
        if self.serving == 0:
            self._idle.set()

    async def start(self) -> None:
        """Start the plugins in order; if one fails, those already started are stopped and the error goes on."""
        try:
            for plugin in self.plugins:
                try:
                    await plugin.start()
                except Exception as error:
                    raise PluginStartFailed(plugin.name, error) from error
                self._started.append(plugin)
        except BaseException:
            await self._stop_started()
            raise

    async def stop(self, wait_s: float = 0.0) -> None:
        """After the last request (waited for at most `wait_s`): stop the plugins in reverse, close the providers."""
        if self.serving and wait_s:
            self._idle.clear()
            try:
                async with asyncio.timeout(wait_s):
                    await self._idle.wait()
            except TimeoutError:
                pass
        await self._stop_started()
        await self.upstream.aclose()

    async def _stop_started(self) -> None:
        """Stop what was started, once, in reverse; one that fails keeps none of the others open."""
        while self._started:
            plugin = self._started.pop()
            try:
                await plugin.stop()
            except Exception as error:  # noqa: BLE001 - a plugin's stop may raise anything; the rest must be closed
                _log.error("plugin %s failed to stop: %s", plugin.name, type(error).__name__)
