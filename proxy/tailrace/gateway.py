"""What one configuration makes: plugins, chain, providers. A reload makes a new one beside the old."""

import asyncio
import random
from collections.abc import Sequence

from tailrace.chain import AnyPlugin, Chain
from tailrace.config.models import Config
from tailrace.http.who import Doorkeeper
from tailrace.plugin import Services
from tailrace.registry import Planned
from tailrace.upstream.call import Upstream


class Gateway:
    """Serves requests from `start` to `stop`. Requests hold it by `serving`, so that a reload cuts none."""

    def __init__(self, config: Config, planned: Sequence[Planned], services: Services, hop: str) -> None:
        self.config = config
        self.services = services
        self.doorkeeper = Doorkeeper(config.keys)
        self.upstream = Upstream(config, services.tasks, services.clock, random.Random(), hop)
        self.plugins: list[AnyPlugin] = [plan.make(services) for plan in planned]
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
        started: list[AnyPlugin] = []
        try:
            for plugin in self.plugins:
                await plugin.start()
                started.append(plugin)
        except BaseException:
            for plugin in reversed(started):
                await plugin.stop()
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
        for plugin in reversed(self.plugins):
            await plugin.stop()
        await self.upstream.aclose()
