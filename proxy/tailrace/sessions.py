"""What plugins remember of sessions: bounded in number, forgotten when idle, lost with the process."""

from collections import OrderedDict
from typing import Any, Final, Generic, TypeVar

from tailrace.clock import Clock

T = TypeVar("T")

MOST_SESSIONS: Final = 10_000
IDLE_S: Final = 3600.0


class Sessions:
    """The memory of all sessions. Keys are `Exchange.session`, which no two tenants share.

    The session used longest ago is forgotten when there are too many, and any that nobody used for `idle_s` seconds:
    a plugin must be ready to meet a session it does not know.
    """

    def __init__(self, clock: Clock, most: int = MOST_SESSIONS, idle_s: float = IDLE_S) -> None:
        self._now = clock.monotonic
        self._most = most
        self._idle_s = idle_s
        self._kept: OrderedDict[str, tuple[float, dict[str, Any]]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def slot(self, plugin: str, kind: type[T]) -> "Slot[T]":
        """A plugin's own place in every session, for values of one type."""
        return Slot(self, plugin, kind)

    def look(self, session: str) -> dict[str, Any] | None:
        """What is remembered of a session, by plugin; None if it is not known. Counts as use."""
        now = self._now()
        self._forget(now)
        found = self._kept.pop(session, None)
        if found is None:
            return None
        self._kept[session] = (now, found[1])
        return found[1]

    def open(self, session: str) -> dict[str, Any]:
        """The same, made if it is not known."""
        found = self.look(session)
        if found is None:
            found = {}
            self._kept[session] = (self._now(), found)
            if len(self._kept) > self._most:
                self._kept.popitem(last=False)
        return found

    def _forget(self, now: float) -> None:
        while self._kept:
            last, (used, _) = next(iter(self._kept.items()))
            if now - used <= self._idle_s:
                return
            del self._kept[last]


class Slot(Generic[T]):
    """One plugin's values, one a session. They are replaced, never changed: two requests of it may be at work."""

    def __init__(self, sessions: Sessions, plugin: str, kind: type[T]) -> None:
        self._sessions = sessions
        self._plugin = plugin
        self._kind = kind

    def get(self, session: str) -> T | None:
        """The session's value, or None: it is new, forgotten, or was kept by another version of the plugin."""
        found = (self._sessions.look(session) or {}).get(self._plugin)
        return found if isinstance(found, self._kind) else None

    def put(self, session: str, value: T) -> None:
        """Keep a value."""
        self._sessions.open(session)[self._plugin] = value
