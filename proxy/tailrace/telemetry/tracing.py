"""Builds the spans of sampled requests and queues them for export."""

import random
from collections.abc import Callable

from tailrace.exchange import Exchange, Listener, Outcome
from tailrace.telemetry import names
from tailrace.telemetry.capture import Capture
from tailrace.telemetry.env import Plan
from tailrace.telemetry.export import MOST_CONTENT_BYTES, BatchExport
from tailrace.telemetry.names import Names
from tailrace.telemetry.record import SpanRecord, SpanRules
from tailrace.telemetry.spans import build
from tailrace.trail import Trail
from tailrace.wire.endpoints import Endpoint


def _weight(record: SpanRecord) -> int:
    return record.weight


class Tracing:
    """A sink for the signals that carry single requests: spans, and events with content where that was asked for.

    What is not sampled costs one look. `rules` may be replaced at any time.
    """

    def __init__(self, plan: Plan, generation: Names, method: Callable[[Trail], str]) -> None:
        self.rules = SpanRules(lambda: random.getrandbits(64) or 1, generation)
        self._method = method
        self._with_span = "span" in plan.capture
        captures = plan.capture and (plan.traces is not None or plan.logs is not None)
        self._capture = Capture() if captures else None
        most_bytes, weigh = (MOST_CONTENT_BYTES, _weight) if captures else (0, None)
        self.spans: BatchExport[SpanRecord] | None = None
        self.events: BatchExport[SpanRecord] | None = None
        if plan.traces is not None:
            self.spans = BatchExport("traces", plan.traces, most_bytes=most_bytes, weigh=weigh)
        if plan.logs is not None:
            self.events = BatchExport("logs", plan.logs, most_bytes=most_bytes, weigh=weigh)

    def listener(self, exchange: Exchange) -> Listener | None:
        """What is to hear this exchange's reply; None where no content is recorded."""
        return self._capture.listener(exchange) if self._capture is not None else None

    def __call__(self, endpoint: Endpoint, exchange: Exchange | None, trail: Trail, outcome: Outcome) -> None:
        """Queue the spans of a request that ended."""
        content = self._capture.take(exchange, trail) if self._capture is not None else None
        if not trail.trace.sampled:
            return
        method = "" if exchange is not None else self._method(trail)
        records = build(endpoint, exchange, trail, outcome, self.rules, method=method, content=content)
        for record in records:
            if content and record.span_id == trail.call_span_id:
                if self.events is not None:
                    self.events.backlog.put(record)
                if not self._with_span:
                    kept = {key: value for key, value in record.attributes.items() if key not in names.CONTENT}
                    record = record._replace(attributes=kept, weight=0)
            if self.spans is not None:
                self.spans.backlog.put(record)
