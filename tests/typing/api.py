"""A user's plugin, as the type checker sees it: `make check` fails when the public interface stops fitting it."""

from collections.abc import AsyncIterator
from typing import ClassVar

from tailrace.exchange import Exchange, Outcome, Reply
from tailrace.plugin import CallNext, Plugin, PluginSettings, Services
from tailrace.wire.endpoints import EndpointKind
from tailrace.wire.sse import Event


class ShoutSettings(PluginSettings):
    """Settings of the example."""

    mark: str = "!"
    """What is put behind every answer."""


class Shout(Plugin[ShoutSettings]):
    """Uses every part of the door once."""

    name: ClassVar[str] = "shout"
    Settings: ClassVar[type[PluginSettings]] = ShoutSettings
    endpoints: ClassVar[frozenset[EndpointKind]] = frozenset({EndpointKind.CHAT})

    async def handle(self, exchange: Exchange, call_next: CallNext) -> Reply:
        """Look, rewrite, answer, wrap, listen, hear the end."""
        if exchange.model == "none":
            exchange.acted("answered")
            return Reply(200, {"content-type": "application/json"}, b"{}", origin=self.name)
        mark: str = self.settings.mark
        exchange.note("mark", mark)
        exchange.on_end(self._ended)
        reply = await call_next(exchange.rewrite({"user": exchange.tenant}, remove=["metadata"]))
        if not reply.is_events:
            exchange.stood_aside("no-stream")
            return reply.tap(self._heard)
        return reply.through(self._wrap).tap(self._heard)

    async def _wrap(self, events: AsyncIterator[Event]) -> AsyncIterator[Event | bytes]:
        async for event in events:
            yield event
        yield b": %b\n\n" % self.settings.mark.encode()

    def _heard(self, event: Event) -> None:
        assert event.raw

    def _ended(self, outcome: Outcome) -> None:
        assert outcome.duration_s >= 0


def make() -> Shout:
    """Settings and services are all it takes."""
    return Shout(ShoutSettings(mark="?"), Services())
