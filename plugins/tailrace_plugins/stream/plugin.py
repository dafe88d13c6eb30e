"""The `stream` plugin: start reading here."""

from typing import ClassVar

from tailrace.exchange import Exchange, Outcome, Reply
from tailrace.plugin import CallNext, Plugin, PluginSettings
from tailrace.streams import Stream
from tailrace.wire.endpoints import EndpointKind, Shape
from tailrace_plugins.stream.coalesce import Coalescer
from tailrace_plugins.stream.flow import Flow, Parts
from tailrace_plugins.stream.keepalive import KeepAlive
from tailrace_plugins.stream.late import Asked, LateEvents
from tailrace_plugins.stream.pacing import Pacer
from tailrace_plugins.stream.settings import StreamSettings
from tailrace_plugins.stream.text_only import TextOnly, offers_tools

_HEADERS = {"content-type": "text/event-stream; charset=utf-8"}
_DEFAULT_HOLD_MS = 100.0


class StreamPlugin(Plugin[StreamSettings]):
    """Shapes streams for the client. List it first: it then shapes what every other plugin answers, too.

    Label: the options in force, `coalesce+keep-alive`. Stands aside with `no-stream` (the request or its answer is
    none), `not-configured`, `tools` or `endpoint` (text_only does not apply), `no-replay` (only pacing is set).
    Facts, noted at the end: `joined_chunks`, `saved_bytes`, `pings`; `late` when the answer began after the first ping.
    """

    name: ClassVar[str] = "stream"
    Settings: ClassVar[type[PluginSettings]] = StreamSettings
    endpoints: ClassVar[frozenset[EndpointKind]] = frozenset(
        {EndpointKind.CHAT, EndpointKind.COMPLETIONS, EndpointKind.RESPONSES, EndpointKind.MESSAGES}
    )

    async def handle(self, exchange: Exchange, call_next: CallNext) -> Reply:
        """Ask, and shape the stream that comes; with keep-alives on, begin the answer before it is here."""
        shape = exchange.endpoint.shape
        if not exchange.stream or shape is None:
            exchange.stood_aside("no-stream")
            return await call_next(exchange)
        every_s = self.settings.keep_alive_s
        if every_s is None:
            return self._shaped(exchange, shape, await call_next(exchange))
        asked = Asked(exchange, call_next, self.services.tasks)
        reply = await asked.within(every_s)
        if reply is not None:
            return self._shaped(exchange, shape, reply)
        exchange.note("late", True)
        source = LateEvents(shape, asked, exchange.payload)
        return self._shaped(exchange, shape, Reply(200, _HEADERS, stream=Stream(source), origin=self.name), source)

    def _shaped(self, exchange: Exchange, shape: Shape, reply: Reply, late: LateEvents | None = None) -> Reply:
        if not reply.is_events:
            exchange.stood_aside("no-stream")
            return reply
        # A late answer's origin is known when its first event is here.
        parts = self._parts(exchange, shape, is_late=late is not None)
        parts.is_replay = lambda: (reply if late is None else late).origin != "upstream" and self.settings.paces
        if late is None and parts.is_replay():
            parts.coalescer = None
        elif late is None:
            parts.pacer = None
        labels = _labels(parts)
        if not labels:
            exchange.stood_aside(self._reason(exchange))
            return reply
        exchange.acted("+".join(labels))
        text_only, coalescer, keep_alive = parts.text_only, parts.coalescer, parts.keep_alive

        def ended(_: Outcome) -> None:
            if coalescer is not None:
                exchange.note("joined_chunks", coalescer.joined)
            if text_only is not None:
                exchange.note("saved_bytes", text_only.saved_bytes)
            if keep_alive is not None:
                exchange.note("pings", keep_alive.pings)

        exchange.on_end(ended)
        return reply.through(Flow(shape, parts, self.services))

    def _parts(self, exchange: Exchange, shape: Shape, *, is_late: bool) -> Parts:
        settings, parts = self.settings, Parts()
        if settings.text_only and shape != "messages" and not offers_tools(exchange.payload):
            parts.text_only = TextOnly(shape)
        if settings.coalesces:
            hold_ms = settings.coalesce_ms or _DEFAULT_HOLD_MS
            parts.coalescer = Coalescer(shape, settings.coalesce_chunks, hold_ms / 1000)
        if settings.keep_alive_s is not None:
            first_in_s = 0.0 if is_late else settings.keep_alive_s
            parts.keep_alive = KeepAlive(settings.keep_alive_s, self.services.clock.monotonic(), first_in_s)
        if settings.paces:
            parts.pacer = Pacer(shape, settings.replay_chars_per_s, settings.replay_events_per_s)
        return parts

    def _reason(self, exchange: Exchange) -> str:
        if self.settings.text_only:
            return "tools" if offers_tools(exchange.payload) else "endpoint"
        return "no-replay" if self.settings.paces else "not-configured"


def _labels(parts: Parts) -> list[str]:
    named = {
        "text-only": parts.text_only,
        "coalesce": parts.coalescer,
        "keep-alive": parts.keep_alive,
        "paced": parts.pacer,
    }
    return [name for name, part in named.items() if part is not None]
