"""The exporting threads: one per signal, none of which a request ever waits for.

Threads, connections and gRPC channels do not survive a fork: all of them are made by `start`, which the worker calls.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any, Generic, Protocol, TypeVar
from urllib.parse import urlsplit

from tailrace.telemetry.aggregate import Family
from tailrace.telemetry.backlog import Backlog
from tailrace.telemetry.env import Collector, Signal

_log = logging.getLogger("tailrace.telemetry")

MOST_SPANS = 8192
MOST_BATCH = 512
GATHER_S = 1.0
MOST_CONTENT_BYTES = 33_554_432

T = TypeVar("T")


class Out(Protocol):
    """What encodes and sends a batch."""

    def send(self, batch: Any) -> bool:
        """Whether it arrived."""
        ...

    def close(self) -> None:
        """Give up what is under way."""
        ...


class Health:
    """Says once that a collector does not answer, and once that it does again; counts nothing, repeats nothing."""

    def __init__(self, signal: Signal, collector: Collector) -> None:
        parts = urlsplit(collector.url)
        self._what = f"{signal} to {parts.hostname or collector.url}:{parts.port or ''}".rstrip(":")
        self._well = True
        self._over = False
        self._heard = _Heard()

    def tell(self, arrived: bool) -> None:
        """How the last export went."""
        if self._over:
            return
        if arrived and not self._well:
            _log.warning("exporting %s works again", self._what)
        elif not arrived and self._well:
            _log.warning("exporting %s fails (%s); requests are not affected", self._what, self._heard.last())
        self._well = arrived

    def end(self) -> None:
        """Say no more: what is still under way was given up."""
        self._over = True


class _Heard(logging.Handler):
    """Keeps the exporters' own complaints, one per batch, from the log; the last one's kind is what `Health` tells.

    Only types and codes are kept of it: a collector's words, or an address with a key in it, are nobody's business.
    """

    _said = threading.local()

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        library = logging.getLogger("opentelemetry.exporter")
        library.propagate = False
        if not any(isinstance(handler, _Heard) for handler in library.handlers):
            library.addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        args = record.args if isinstance(record.args, tuple) else ()
        kinds = [_kind(arg) for arg in args]
        self._said.text = ", ".join(kind for kind in kinds if kind) or getattr(self._said, "text", "")

    def last(self) -> str:
        """What was last said on this thread."""
        text: str = getattr(self._said, "text", "") or "no answer"
        self._said.text = ""
        return text


def _kind(arg: object) -> str:
    if isinstance(arg, BaseException):
        return type(arg).__name__
    if isinstance(arg, Enum):
        return arg.name
    return str(arg) if type(arg) is int else ""


class BatchExport(Generic[T]):
    """Exports records in batches; they are encoded on the exporting thread."""

    def __init__(
        self, signal: Signal, collector: Collector, *, most_bytes: int = 0, weigh: Callable[[T], int] | None = None
    ) -> None:
        self._health = Health(signal, collector)
        self._out: Out | None = None
        self.backlog: Backlog[T] = Backlog(
            signal,
            self._send,
            most=MOST_SPANS,
            batch=MOST_BATCH,
            gather_s=GATHER_S,
            most_bytes=most_bytes,
            weigh=weigh,
        )

    def start(self, out: Out) -> None:
        """Begin to export."""
        self._out = out
        self.backlog.start()

    def _send(self, batch: list[T]) -> None:
        if self._out is None:
            return
        arrived = self._out.send(batch)
        if not arrived:
            self.backlog.lost(len(batch))
        self._health.tell(arrived)

    def end(self) -> None:
        """Ask for the last batches to be sent; see `join`."""
        self.backlog.end()

    def join(self, deadline: float) -> None:
        """Wait until they are, at most until `deadline` (monotonic), and close the connection."""
        self.backlog.join(deadline)
        self._health.end()
        if self._out is not None:
            self._out.close()


class MetricsExport:
    """Exports all metrics every `interval_s`, and once more at the end."""

    def __init__(self, collector: Collector, families: Sequence[Family], interval_s: float) -> None:
        self._health = Health("metrics", collector)
        self._families = families
        self._interval_s = interval_s
        self._out: Out | None = None
        self._encode: Callable[[Sequence[Family], int, int, float], Any] | None = None
        self._began_ns = time.time_ns()
        self._last_s = 0.0
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="tailrace-metrics", daemon=True)
        self.dropped = 0

    def start(self, out: Out, encode: Callable[[Sequence[Family], int, int, float], Any]) -> None:
        """Begin to export."""
        self._out, self._encode = out, encode
        self._thread.start()

    def _run(self) -> None:
        while not self._ending.wait(self._interval_s):
            self._send()
        self._send()

    def _send(self) -> None:
        if self._out is None or self._encode is None:
            return
        now = time.time_ns()
        try:
            arrived = self._out.send(self._encode(self._families, self._began_ns, now, self._last_s))
        except Exception as error:  # noqa: BLE001 - a defect in an exporter must not end the thread; it is counted
            _log.debug("metrics could not be exported: %s", type(error).__name__)
            arrived = False
        self.dropped += not arrived
        self._last_s = now / 1e9
        self._health.tell(arrived)

    def end(self) -> None:
        """Ask for the last export; see `join`."""
        self._ending.set()

    def join(self, deadline: float) -> None:
        """Wait until it is done, at most until `deadline` (monotonic), and close the connection."""
        if self._thread.ident is not None:
            self._thread.join(max(0.0, deadline - time.monotonic()))
        self._health.end()
        if self._out is not None:
            self._out.close()
