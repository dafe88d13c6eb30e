"""What the simulated provider received, and how each request ended: the witness of the proxy's tests."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable
from hashlib import sha256
from typing import Any
from weakref import WeakKeyDictionary

import orjson
from aiohttp import web
from multidict import CIMultiDictProxy

from .settings import SimSettings

_SECRET = frozenset({"authorization", "api-key", "x-api-key", "proxy-authorization", "cookie"})


class Entry:
    """One request.

    `state` is in-flight, answered, cut (a fault ended the connection) or aborted (the client left first);
    `ended_s` is when that was noticed, in seconds after the request came.
    """

    __slots__ = (
        "_started",
        "body",
        "body_bytes",
        "connection",
        "ended_s",
        "headers",
        "id",
        "method",
        "model",
        "path",
        "query",
        "sha256",
        "state",
        "status",
        "time",
    )

    def __init__(self, number: int, connection: int, request: web.BaseRequest) -> None:
        self.id = number
        self.connection = connection
        self.method = request.method
        self.path = request.path
        self.query = request.query_string
        self.headers: CIMultiDictProxy[str] = request.headers
        self.time = time.time()
        self._started = time.monotonic()
        self.model = ""
        self.body: bytes | None = None
        self.body_bytes = 0
        self.sha256: str | None = None
        self.state = "in-flight"
        self.status: int | None = None
        self.ended_s: float | None = None

    def end(self, state: str, status: int | None = None) -> None:
        """Note how the request ended; only the first time counts."""
        if self.ended_s is None:
            self.state, self.status = state, status
            self.ended_s = time.monotonic() - self._started

    def shown(self) -> dict[str, Any]:
        """Return the entry for `/_journal`; secrets stand as `sha256:` and the first 12 digits of their hash."""
        return {
            "id": self.id,
            "connection": self.connection,
            "time": self.time,
            "method": self.method,
            "path": self.path,
            "query": self.query,
            "headers": [[name, _masked(name, value)] for name, value in self.headers.items()],
            "model": self.model,
            "body": _parsed(self.body),
            "body_bytes": self.body_bytes,
            "body_sha256": self.sha256 or sha256(self.body or b"").hexdigest(),
            "state": self.state,
            "status": self.status,
            "ended_s": self.ended_s,
        }


class Journal:
    """The last requests, oldest first, and counts of all there ever were.

    Bounded by number, and by the bytes of the bodies kept: beyond that the oldest bodies leave their hash behind.
    """

    def __init__(self, settings: SimSettings) -> None:
        self._entries: deque[Entry] = deque(maxlen=settings.journal_size)
        self._bodies: deque[Entry] = deque()
        self._kept_bytes = 0
        self._max_bytes = settings.journal_bytes
        self._connections: WeakKeyDictionary[asyncio.Task[Any], int] = WeakKeyDictionary()
        self._connections_seen = 0
        self.total = 0
        self.in_flight = 0
        self.ended: Counter[str] = Counter()
        self.open_connections: Callable[[], int] | None = None

    def open(self, request: web.BaseRequest) -> Entry:
        """Note a request that has just come in."""
        connection = self._connections.get(request.task)
        if connection is None:
            self._connections_seen += 1
            connection = self._connections[request.task] = self._connections_seen
        self.total += 1
        self.in_flight += 1
        entry = Entry(self.total, connection, request)
        self._entries.append(entry)
        return entry

    def keep(self, entry: Entry, body: bytes) -> None:
        """Keep the body of a request."""
        entry.body, entry.body_bytes = body, len(body)
        self._bodies.append(entry)
        self._kept_bytes += len(body)
        while self._bodies and (
            self._kept_bytes > self._max_bytes or len(self._bodies) > (self._entries.maxlen or len(self._bodies))
        ):
            old = self._bodies.popleft()
            self._kept_bytes -= old.body_bytes
            if old.body is not None and (not self._entries or old.id >= self._entries[0].id):
                old.sha256 = sha256(old.body).hexdigest()
            old.body = None

    def close(self, entry: Entry, state: str, status: int | None = None) -> None:
        """Note how a request ended; a second call for the same entry does nothing."""
        if entry.ended_s is None:
            self.in_flight -= 1
            self.ended[state] += 1
            entry.end(state, status)

    def entries(self, last: int | None = None, model: str | None = None) -> list[dict[str, Any]]:
        """Return the last requests (of one model), oldest first, as `/_journal` shows them."""
        chosen = [entry for entry in self._entries if model is None or entry.model == model]
        return [entry.shown() for entry in (chosen if last is None else chosen[max(0, len(chosen) - last) :])]

    def clear(self) -> None:
        """Forget the entries; the counts go on."""
        self._entries.clear()
        self._bodies.clear()
        self._kept_bytes = 0

    def stats(self) -> dict[str, Any]:
        """Return the counts `/_stats` shows; `open_connections` includes the one that asks."""
        return {
            "open_connections": self.open_connections() if self.open_connections else None,
            "connections_total": self._connections_seen,
            "in_flight": self.in_flight,
            "total": self.total,
            "answered": self.ended["answered"],
            "aborted": self.ended["aborted"],
            "cut": self.ended["cut"],
        }


def _masked(name: str, value: str) -> str:
    if name.lower() not in _SECRET:
        return value
    return f"sha256:{sha256(value.removeprefix('Bearer ').encode()).hexdigest()[:12]}"


def _parsed(body: bytes | None) -> Any:
    if not body:
        return None
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
