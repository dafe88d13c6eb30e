"""The provider: far faster than any subject, and honest about how many requests reached it.

`python -m benchkit.upstream PORT CPU [BURST]`, CPU `-` for any. A request with `"stream": true` gets max_tokens events,
each in an HTTP chunk of its own as providers send them; with `"user": "pace-5"` the first comes at once and one every
5 ms from then on, otherwise they come in bursts: BURST events per write, one write per turn of the loop, as fast as the
reader takes them. (With BURST 1, plain aiohttp forwards the 137,000 events a second that the target was set against.)
"""

from __future__ import annotations

import asyncio
import re
import sys
from functools import cache

from benchkit import payload
from benchkit.rawhttp import RawServer, plain, serve

BURST = 1
STREAM = re.compile(rb'"stream":\s*true')
COUNT = re.compile(rb'"max_(?:completion_)?tokens":\s*(\d+)')
PACE = re.compile(rb'"pace-(\d+)"')
USAGE = re.compile(rb'"include_usage":\s*true')
MAX_EVENTS = 100_000

served = {"requests": 0, "streams": 0}
HEAD = payload.answer_head()
BEFORE, AFTER = payload.answer_parts()
ANSWER_BEFORE = HEAD + BEFORE


def framed(data: bytes) -> bytes:
    """One HTTP chunk."""
    return b"%x\r\n%b\r\n" % (len(data), data)


@cache
def writes(count: int, burst: int, usage: bool) -> tuple[bytes, ...]:
    """What is written, turn by turn; the first write starts with the first event, its serial number still blank."""
    chunks = [framed(event) for event in payload.stream_events(count)]
    slabs = [b"".join(chunks[at : at + burst]) for at in range(0, count, burst)]
    end = (framed(payload.USAGE_EVENT) if usage else b"") + framed(payload.DONE) + b"0\r\n\r\n"
    slabs[-1] += end
    return tuple(slabs)


class Upstream(RawServer):
    """One connection from a proxy."""

    def __init__(self) -> None:
        super().__init__()
        self.paused = False
        self.slabs: tuple[bytes, ...] = ()
        self.at = 0
        self.pace_s = 0.0

    def on_request(self, head: bytes, body: bytes) -> None:
        if head.startswith(b"post") and b"/chat/completions " in head[:64]:
            if b'"stream"' in body and STREAM.search(body):
                served["streams"] += 1
                self.stream(body)
            else:
                served["requests"] += 1
                self.transport.write(ANSWER_BEFORE + payload.ticket_for(body) + AFTER)
        elif head.startswith(b"get /stats "):
            self.transport.write(plain(b"200 OK", b'{"requests":%d,"streams":%d}' % tuple(served.values())))
        elif head.startswith(b"get "):
            self.transport.write(plain(b"200 OK", b'{"object":"list","data":[]}'))
        else:
            self.transport.write(plain(b"404 Not Found", b'{"error":{"message":"unknown path"}}'))

    def stream(self, body: bytes) -> None:
        count = COUNT.search(body)
        pace = PACE.search(body)
        events = min(int(count[1]), MAX_EVENTS) if count else 100
        self.pace_s = int(pace[1]) / 1000 if pace else 0.0
        self.slabs = writes(max(events, 2), 1 if pace else BURST, bool(USAGE.search(body)))
        first = self.slabs[0].replace(payload.TICKET + payload.BLANK, payload.TICKET + payload.ticket_for(body), 1)
        self.transport.write(payload.stream_head() + first)
        self.at = 1
        self.later()

    def later(self) -> None:
        if self.at < len(self.slabs) and not self.closed and not self.paused:
            loop = asyncio.get_running_loop()
            if self.pace_s:
                loop.call_later(self.pace_s, self.step)
            else:
                loop.call_soon(self.step)

    def step(self) -> None:
        if self.closed or self.paused or self.at >= len(self.slabs):
            return
        slab = self.slabs[self.at]
        self.at += 1
        self.transport.write(slab)
        self.later()

    def pause_writing(self) -> None:
        self.paused = True

    def resume_writing(self) -> None:
        self.paused = False
        self.later()


if __name__ == "__main__":
    if len(sys.argv) > 3:
        BURST = int(sys.argv[3])
    serve(Upstream, int(sys.argv[1]), int(sys.argv[2]) if sys.argv[2] != "-" else None)
