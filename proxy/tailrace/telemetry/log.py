"""One line a request: JSON for machines, a coloured line for people. Written by a thread of its own.

A terminal that is paused or a full pipe blocks that thread and nothing else; lines that find no room are counted.
"""

import logging
import os
import select
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Literal

from tailrace.chain import chain_header
from tailrace.exchange import Exchange, Outcome
from tailrace.telemetry.backlog import Backlog
from tailrace.telemetry.judge import method_of, overhead_s, route_of
from tailrace.telemetry.labels import Labels
from tailrace.telemetry.words import clean, error_word
from tailrace.trail import Trail
from tailrace.wire import jsonio
from tailrace.wire.endpoints import Endpoint

_facts_wanted = logging.getLogger("tailrace.requests").isEnabledFor

MOST_LINES = 4096
_GATHER_S = 0.05
_HASH_CHARS = 32

Form = Literal["json", "live"]
Line = dict[str, Any]


def line_of(
    endpoint: Endpoint, exchange: Exchange | None, trail: Trail, outcome: Outcome, labels: Labels, method: str = ""
) -> Line:
    """What is told of a request, without what does not apply. Nothing a client wrote but what is known here."""
    status, state = outcome.status, outcome.state
    line: Line = {
        "time": trail.started_ns,
        "level": "error" if status >= 500 or state == "failed" else "warning" if status >= 400 else "info",
        "request_id": trail.request_id,
        "trace_id": f"{trail.trace.trace_id:032x}",
        "span_id": f"{trail.trace.span_id:016x}",
        "method": method_of(endpoint, exchange, method),
        "route": route_of(endpoint, exchange) or None,
        "status": status,
        "state": state,
    }
    if outcome.error_type:
        line["error_type"] = error_word(outcome.error_type)
    if trail.attempts:
        line["provider"] = trail.provider
        if trail.model:
            line["model"] = labels.model(trail.provider, trail.model, answered=bool(trail.first_chunk_at))
        line["attempts"] = len(trail.attempts)
    if exchange is not None:
        if exchange.model:
            line["requested_model"] = labels.asked_for(exchange.model)
        line["stream"] = exchange.stream
        line["tenant"] = short_tenant(exchange.tenant)
    line["duration_ms"] = round(outcome.duration_s * 1000, 2)
    if outcome.first_chunk_s is not None:
        line["first_chunk_ms"] = round(outcome.first_chunk_s * 1000, 2)
    if (added := overhead_s(trail)) is not None:
        line["overhead_ms"] = round(added * 1000, 3)
    if (usage := outcome.usage) is not None:
        line["input_tokens"], line["output_tokens"] = usage.input_tokens, usage.output_tokens
        line["cached_tokens"] = usage.cache_read_tokens
        if usage.estimated:
            line["estimated"] = True
    if outcome.cost_usd is not None:
        line["cost_usd"] = outcome.cost_usd
    if trail.scopes:
        line["chain"] = clean(chain_header(trail.scopes), 1024)
        if _facts_wanted(logging.DEBUG):
            line["facts"] = {scope.plugin: scope.facts for scope in trail.scopes if scope.facts}
    return line


def short_tenant(tenant: str) -> str:
    """Enough to tell tenants apart; of a hashed credential the first eight digits."""
    return tenant[:8] if len(tenant) == _HASH_CHARS else clean(tenant, 32)


def as_json(line: Line) -> str:
    """The line as one JSON object."""
    told = datetime.fromtimestamp(line["time"] / 1e9, UTC).isoformat(timespec="milliseconds")
    return jsonio.dumps({**line, "time": told.replace("+00:00", "Z")}).decode()


_RED, _YELLOW, _GREEN, _CYAN, _DIM, _END = "\x1b[31m", "\x1b[33m", "\x1b[32m", "\x1b[36m", "\x1b[2m", "\x1b[0m"
_COLOURS = {"error": _RED, "warning": _YELLOW, "info": _GREEN}


def as_live(line: Line) -> str:
    """The line for a person's terminal."""
    clock = datetime.fromtimestamp(line["time"] / 1e9).astimezone().strftime("%H:%M:%S")
    shown = [
        f"{_DIM}{clock}{_END} {_COLOURS[line['level']]}{line['status'] or '---'}{_END}",
        f"{line['method']} {line['route'] or '(no such path)'}",
    ]
    if "provider" in line:
        shown.append(f"{_CYAN}{line['provider']}{'/' if 'model' in line else ''}{line.get('model', '')}{_END}")
    if line.get("attempts", 1) > 1:
        shown.append(f"{_YELLOW}{line['attempts']} attempts{_END}")
    times = f"{line['duration_ms']:.0f} ms"
    if line.get("stream") and "first_chunk_ms" in line:
        times += f" (first {line['first_chunk_ms']:.0f})"
    if "overhead_ms" in line:
        times += f" {_DIM}+{line['overhead_ms']:.1f} ms ours{_END}"
    shown.append(times)
    if "input_tokens" in line:
        cached = f" ({line['cached_tokens']} cached)" if line["cached_tokens"] else ""
        shown.append(f"{line['input_tokens']}{cached} -> {line['output_tokens']} tokens")
    if "cost_usd" in line:
        shown.append(f"${line['cost_usd']:.6f}")
    if line["state"] != "complete":
        shown.append(f"{_YELLOW}{line['state'].replace('_', ' ')}{_END}")
    if "error_type" in line:
        shown.append(f"{_COLOURS[line['level']]}{line['error_type']}{_END}")
    if "chain" in line:
        shown.append(f"{_DIM}{line['chain']}{_END}")
    return "  ".join(shown)


class RequestLog:
    """A sink that writes a line for each request. `on_line` gets the lines instead of standard error if given."""

    def __init__(
        self,
        form: Form,
        labels: Labels,
        on_line: Callable[[str], None] | None = None,
        method: Callable[[Trail], str] = lambda _: "",
    ) -> None:
        self._labels = labels
        self._shown = as_json if form == "json" else as_live
        self._on_line = on_line
        self._method = method
        self.backlog: Backlog[Line] = Backlog("log", self._write, most=MOST_LINES, batch=256, gather_s=_GATHER_S)

    def __call__(self, endpoint: Endpoint, exchange: Exchange | None, trail: Trail, outcome: Outcome) -> None:
        """Note a request that ended."""
        method = "" if exchange is not None else self._method(trail)
        self.backlog.put(line_of(endpoint, exchange, trail, outcome, self._labels, method))

    def _write(self, batch: list[Line]) -> None:
        lines = [self._shown(line) for line in batch]
        if self._on_line is None:
            _to_stderr("\n".join(lines).encode() + b"\n")
            return
        for line in lines:
            self._on_line(line)


def _to_stderr(data: bytes) -> None:
    """Write all of it, past Python's own buffer: whoever else logs must not wait behind its lock."""
    try:
        number = sys.stderr.fileno()
    except (OSError, AttributeError, ValueError):
        # Replaced by something without a descriptor, or closed.
        if sys.stderr is not None and not sys.stderr.closed:
            sys.stderr.write(data.decode())
        return
    while data:
        try:
            data = data[os.write(number, data) :]
        except BlockingIOError:
            select.select([], [number], [], 1.0)
