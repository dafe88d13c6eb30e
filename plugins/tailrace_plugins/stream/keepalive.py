"""When a silence is long enough for a sign of life. Pure."""

from typing import Final

from tailrace.wire import sse

PING: Final = sse.comment("ping")


class KeepAlive:
    """Tells when to send `PING`: `every_s` after the last bytes. `due` begins at `now` plus `first_in_s`."""

    def __init__(self, every_s: float, now: float, first_in_s: float) -> None:
        self._every_s = every_s
        self.due = now + first_in_s
        """When the next ping must go out."""
        self.pings = 0
        """Pings so far."""

    def sent(self, now: float) -> None:
        """Bytes went to the client: the silence begins anew."""
        self.due = now + self._every_s

    def take(self, now: float) -> bytes:
        """A ping if one is due, else nothing."""
        if now < self.due:
            return b""
        self.pings += 1
        self.sent(now)
        return PING
