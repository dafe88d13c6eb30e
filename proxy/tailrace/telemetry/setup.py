"""Puts telemetry together from its settings."""

import asyncio
import logging
import os
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tailrace.config.models import Telemetry as TelemetrySettings
from tailrace.exchange import Exchange, Listener, Outcome
from tailrace.telemetry import names
from tailrace.telemetry.aggregate import Labels as LabelValues
from tailrace.telemetry.env import Plan, resolve
from tailrace.telemetry.export import MetricsExport
from tailrace.telemetry.exposition import exposition
from tailrace.telemetry.labels import Labels
from tailrace.telemetry.log import RequestLog
from tailrace.telemetry.metrics import Metrics
from tailrace.telemetry.recorder import Sink
from tailrace.telemetry.tracing import Tracing
from tailrace.telemetry.words import method_word
from tailrace.trail import Trail
from tailrace.wire.endpoints import Endpoint

if TYPE_CHECKING:
    from tailrace.app import Proxy

_log = logging.getLogger("tailrace.telemetry")

FLUSH_S = 3.0
"""Most time that the last exports may take at shutdown."""
_LAG_EVERY_S = 0.25
_WILDCARDS = frozenset({"", "0.0.0.0", "::"})

Numbers = Iterable[tuple[LabelValues, float]]


class Telemetry:
    """What is told of requests, and where to. One per running proxy.

    `sample_ratio`, `sinks`, `live` and `listener` are for the `Recorder`. `exposition` gives the metrics for a
    scraper's `Accept` header, on any thread. Threads, connections and the instance's id are made by `start`, so that
    a worker that was forked has its own.
    """

    def __init__(self, plan: Plan, settings: TelemetrySettings, on_line: Callable[[str], None] | None = None) -> None:
        generation = names.NAMES[settings.semconv]
        self.sample_ratio = plan.sample_ratio
        self.live: dict[Trail, str] = {}
        self._plan = plan
        self._schema_url = generation.schema_url
        self._resource: dict[str, str] = dict(plan.resource)
        self._labels = Labels()
        self._proxy: Proxy | None = None
        self._config: Any = None
        self._tick: asyncio.TimerHandle | None = None
        self._metrics = Metrics(generation, self._labels, exemplars=plan.traces is not None, method=self._method)
        self._tracing: Tracing | None = None
        if plan.traces is not None or plan.logs is not None:
            self._tracing = Tracing(plan, generation, self._method)
        self._pushed: MetricsExport | None = None
        if plan.metrics is not None:
            self._pushed = MetricsExport(plan.metrics, self._metrics.families, plan.interval_s)
        self._lines: RequestLog | None = None
        if settings.log != "off":
            live = settings.log == "live" or (settings.log == "auto" and on_line is None and _is_terminal())
            self._lines = RequestLog("live" if live else "json", self._labels, on_line, self._method)
        self.sinks: list[Sink] = [self._follow, self._metrics]
        self.sinks += [sink for sink in (self._tracing, self._lines) if sink is not None]
        self._metrics.observe(names.ACTIVE, self._active)
        self._metrics.observe(names.STREAMS, self._streams)
        self._metrics.observe(names.QUEUE, self._queues)
        self._metrics.observe(names.DROPPED, self._dropped)
        self.exposition = exposition(self._metrics.families, self._resource)

    def listener(self, exchange: Exchange) -> Listener | None:
        """What is to hear an exchange's reply; None unless its content is recorded."""
        return self._tracing.listener(exchange) if self._tracing is not None else None

    def start(self, proxy: "Proxy") -> None:
        """Begin to export, to write lines, and to measure the event loop's lag. Called on the loop, after any fork."""
        self._proxy = proxy
        self._follow_config(proxy)
        self._resource.setdefault("service.instance.id", str(uuid.uuid4()))
        if self._lines is not None:
            self._lines.backlog.start()
        if self._tracing is not None or self._pushed is not None:
            self._start_exports()
        # A timer and no task: `Tasks.drain` would wait at shutdown for a task that never ends.
        loop = asyncio.get_running_loop()
        self._tick = loop.call_later(_LAG_EVERY_S, self._measure_lag, loop.time() + _LAG_EVERY_S)

    def _start_exports(self) -> None:
        from tailrace.telemetry import otlp

        encoder = otlp.Encoder({**self._resource, "process.pid": os.getpid()}, self._schema_url)
        plan, tracing = self._plan, self._tracing
        if tracing is not None and tracing.spans is not None and plan.traces is not None:
            tracing.spans.start(otlp.SpanOut(plan.traces, encoder))
        if tracing is not None and tracing.events is not None and plan.logs is not None:
            tracing.events.start(otlp.EventOut(plan.logs, encoder))
        if self._pushed is not None and plan.metrics is not None:
            self._pushed.start(otlp.MetricsOut(plan.metrics), encoder.metrics)

    async def stop(self) -> None:
        """Export what is left, within `FLUSH_S` seconds; what has not left by then is dropped."""
        if self._tick is not None:
            self._tick.cancel()
        ending = self._ending()
        for end, _ in ending:
            end()
        deadline = time.monotonic() + FLUSH_S
        await asyncio.gather(*(asyncio.to_thread(join, deadline) for _, join in ending))

    def _ending(self) -> list[tuple[Callable[[], None], Callable[[float], None]]]:
        found: list[tuple[Callable[[], None], Callable[[float], None]]] = []
        if self._tracing is not None:
            found += [(out.end, out.join) for out in (self._tracing.spans, self._tracing.events) if out is not None]
        if self._pushed is not None:
            found.append((self._pushed.end, self._pushed.join))
        if self._lines is not None:
            found.append((self._lines.backlog.end, self._lines.backlog.join))
        return found

    def _follow(self, endpoint: Endpoint, exchange: Exchange | None, trail: Trail, outcome: Outcome) -> None:
        """Notice a new configuration; the first of the sinks."""
        if self._proxy is not None and self._proxy.config is not self._config:
            self._follow_config(self._proxy)

    def _follow_config(self, proxy: "Proxy") -> None:
        self._config = config = proxy.config
        self._labels.follow(config, proxy.services.prices)
        if self._tracing is not None:
            host = "" if config.server.host in _WILDCARDS else config.server.host
            self._tracing.rules = replace(
                self._tracing.rules,
                providers=self._labels.providers,
                models=self._labels.models,
                host=host,
                port=proxy.port,
            )

    def _measure_lag(self, due: float) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        self._metrics.loop_lag.record(max(0.0, now - due))
        self._tick = loop.call_later(_LAG_EVERY_S, self._measure_lag, now + _LAG_EVERY_S)

    def _method(self, trail: Trail) -> str:
        return self.live.get(trail, "")

    def _active(self) -> Numbers:
        methods = Counter(map(method_word, list(self.live.values())))
        if not methods and self._proxy is not None:
            methods["POST"] = self._proxy.handler.in_flight
        return [((method, "http"), number) for method, number in methods.items()]

    def _streams(self) -> Numbers:
        return [((), sum(trail.watch is not None for trail in list(self.live)))]

    def _queues(self) -> Numbers:
        return [((signal,), len(backlog)) for signal, backlog in self._backlogs()]

    def _dropped(self) -> Numbers:
        lost: list[tuple[LabelValues, float]] = [((signal,), backlog.dropped) for signal, backlog in self._backlogs()]
        if self._pushed is not None:
            lost.append((("metrics",), self._pushed.dropped))
        return lost

    def _backlogs(self) -> list[tuple[str, Any]]:
        found: list[tuple[str, Any]] = []
        if self._tracing is not None:
            outs = (("traces", self._tracing.spans), ("logs", self._tracing.events))
            found += [(signal, out.backlog) for signal, out in outs if out is not None]
        if self._lines is not None:
            found.append(("lines", self._lines.backlog))
        return found


def set_up(settings: TelemetrySettings, on_line: Callable[[str], None] | None = None) -> Telemetry:
    """Telemetry by its settings and the standard `OTEL_*` variables. Raises `ConfigError` for what cannot be done.

    `on_line` gets the request lines (without their line end) on a thread of its own, instead of standard error.
    """
    plan = resolve(settings, os.environ)
    for warning in plan.warnings:
        _log.warning("%s", warning)
    if plan.traces is not None or plan.metrics is not None or plan.logs is not None:
        # Now and not with the first export: the import takes a moment, and the exporters' modules come with it.
        from tailrace.telemetry import otlp

        otlp.load(collector.protocol for collector in (plan.traces, plan.metrics, plan.logs) if collector is not None)
    return Telemetry(plan, settings, on_line)


def _is_terminal() -> bool:
    return sys.stderr is not None and sys.stderr.isatty()
