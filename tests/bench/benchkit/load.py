"""The client: a closed loop over keep-alive connections that believes nothing it has not compared.

`python -m benchkit.load SPEC` with the fields of `Spec` as JSON; prints a `Result` as JSON. Requests begun before the
time is up are finished and counted as completed, so CPU per request is exact; the rate counts only those inside it.
"""

from __future__ import annotations

import asyncio
import gc
import gzip
import os
import sys
import time
from dataclasses import asdict, dataclass

import orjson
import uvloop

from benchkit import payload

MAX_ERRORS = 50
FINISH_S = 30.0


@dataclass
class Spec:
    """What to send."""

    port: int
    seconds: float
    connections: int = 64
    events: int = 0  # 0: plain answers; otherwise streams of so many events
    pace_ms: int = 0
    exact: bool = True  # the body must be the upstream's, byte for byte; otherwise only its text
    cpu: int | None = None
    finish_s: float = FINISH_S
    first_serial: int = 0  # 0: the next ones that nobody has used
    key: str = "sk-bench"
    temperature: float = 0.7
    repeat: bool = False  # always the same request, with the first serial number
    most: int = 0  # requests; 0: as many as the time allows


@dataclass
class Result:
    """What came back. Times in ms; `events` without the [DONE]."""

    seconds: float = 0.0
    completed: int = 0
    per_s: float = 0.0
    p50_ms: float | None = None
    p99_ms: float | None = None
    first_p50_ms: float | None = None
    first_p99_ms: float | None = None
    events: int = 0
    events_per_s: float = 0.0
    errors: int = 0
    first_error: str | None = None
    reconnects: int = 0
    load_cpu_s: float = 0.0


def percentile(values: list[float], share: float) -> float | None:
    """The nearest-rank percentile in ms of times in seconds."""
    if not values:
        return None
    ordered = sorted(values)
    return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000, 4)


class Run:
    """One run: the connections, what they measured, and the end."""

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self.serial = first = (spec.first_serial or 1) - (not spec.repeat)
        self.last = first + spec.most if spec.most else sys.maxsize
        self.latencies: list[float] = []
        self.firsts: list[float] = []
        self.completed = self.in_time = self.events = self.body_bytes = self.bytes_in_time = 0
        self.errors = self.reconnects = self.active = 0
        self.first_error: str | None = None
        self.deadline = float("inf")
        self.over: asyncio.Future[None] | None = None
        self.started = False
        self.waiting: list[Connection] = []
        self.live: set[Connection] = set()

    def fail(self, why: str) -> None:
        self.errors += 1
        self.first_error = self.first_error or why
        if self.errors >= MAX_ERRORS:
            self.deadline = 0.0

    async def connect(self, session: int) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                await loop.create_connection(lambda: Connection(self, session), "127.0.0.1", self.spec.port)
                return
            except OSError as error:
                self.fail(f"cannot connect: {error}")
                if time.perf_counter() > self.deadline:
                    self.leave()
                    return
                await asyncio.sleep(0.01)

    def leave(self) -> None:
        self.active -= 1
        if not self.active and self.over and not self.over.done():
            self.over.set_result(None)

    async def go(self) -> Result:
        loop = asyncio.get_running_loop()
        self.over = loop.create_future()
        self.active = self.spec.connections
        await asyncio.gather(*(self.connect(number) for number in range(self.spec.connections)))
        cpu = time.process_time()
        self.deadline = min(self.deadline, time.perf_counter() + self.spec.seconds)
        self.started = True
        for connection in self.waiting:
            if not connection.finished:
                connection.next()
        try:
            await asyncio.wait_for(self.over, self.spec.seconds + self.spec.finish_s)
        except TimeoutError:
            self.fail(f"{self.active} of {self.spec.connections} connections still wait for an answer")
        for connection in self.live:
            connection.finished = True
            connection.transport.abort()
        return self.result(cpu)

    def result(self, cpu: float) -> Result:
        spec = self.spec
        out = Result(seconds=spec.seconds, completed=self.completed, errors=self.errors, first_error=self.first_error)
        out.per_s = round(self.in_time / spec.seconds, 1)
        out.p50_ms, out.p99_ms = percentile(self.latencies, 0.5), percentile(self.latencies, 0.99)
        out.first_p50_ms, out.first_p99_ms = percentile(self.firsts, 0.5), percentile(self.firsts, 0.99)
        out.events = self.events
        if self.body_bytes:
            # Events inside the time, counted by bytes: whole streams end long after most of their events have come.
            out.events_per_s = round(self.bytes_in_time / self.body_bytes * self.events / spec.seconds, 1)
        out.reconnects = self.reconnects
        out.load_cpu_s = round(time.process_time() - cpu, 3)
        return out


class Connection(asyncio.Protocol):
    """One keep-alive connection: send, read, compare, again."""

    transport: asyncio.Transport

    def __init__(self, run: Run, session: int) -> None:
        self.run = run
        spec = run.spec
        self.session = 0 if spec.repeat else session % payload.MAX_SESSIONS
        how = {"events": spec.events, "pace_ms": spec.pace_ms}
        parts = payload.request_parts(self.session, spec.key, **how, temperature=spec.temperature)
        self.before, self.after = parts
        parts = payload.stream_parts(spec.events) if spec.events else payload.answer_parts()
        self.want_before, self.want_after = parts
        self.busy = self.finished = False
        self.reset()

    def reset(self) -> None:
        self.in_body = self.chunked = self.ended = self.first_seen = False
        self.buffer = b""
        self.left = 0
        self.status = b""
        self.pieces: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]
        self.run.live.add(self)
        if self.run.started:
            self.next()
        else:
            self.run.waiting.append(self)

    def next(self) -> None:
        run = self.run
        now = time.perf_counter()
        if now >= run.deadline or run.serial >= run.last:
            self.busy = False
            self.finished = True
            self.transport.close()
            run.leave()
            return
        run.serial += not run.spec.repeat
        self.serial = b"%012d" % run.serial
        self.busy = True
        self.sent = now
        self.transport.write(self.before + self.serial + self.after)

    def connection_lost(self, exc: Exception | None) -> None:
        self.run.live.discard(self)
        if self.finished:
            return
        if self.busy:
            self.run.fail(f"the connection was lost before the answer was whole: {exc!r}")
        self.again()

    def again(self) -> None:
        """Give this connection up for a new one."""
        self.finished = True
        self.transport.close()
        self.run.reconnects += 1
        task = asyncio.get_running_loop().create_task(self.run.connect(self.session))
        reconnecting.add(task)
        task.add_done_callback(reconnecting.discard)

    def wrong(self, why: str) -> None:
        self.run.fail(why)
        self.busy = False
        self.again()

    def data_received(self, data: bytes) -> None:
        if self.finished:
            return
        now = time.perf_counter()
        if not self.in_body:
            if self.buffer:
                data = self.buffer + data
            end = data.find(b"\r\n\r\n")
            if end < 0:
                self.buffer = data
                return
            self.buffer = b""
            head = data[:end].lower()
            self.in_body = True
            self.status = head[9:12]
            self.close = b"\r\nconnection: close" in head
            # LiteLLM zips for clients that accept it, as the SDK does.
            self.zipped = b"\r\ncontent-encoding: gzip" in head
            at = head.find(b"\r\ncontent-length:")
            if at >= 0:
                stop = head.find(b"\r\n", at + 17)
                self.left = int(head[at + 17 : stop if stop >= 0 else None])
            elif b"chunked" in head:
                self.chunked = True
            else:
                self.wrong("an answer without content-length and not chunked")
                return
            data = data[end + 4 :]
        if self.chunked:
            self.feed_chunks(data)
        elif data:
            self.left -= len(data)
            self.pieces.append(data)
            self.ended = self.left <= 0
        else:
            self.ended = not self.left
        if not self.first_seen and self.pieces:
            self.first_seen = True
            if self.run.spec.events:
                self.run.firsts.append(now - self.sent)
        if data and self.run.spec.events:
            self.run.body_bytes += len(data)
            if now < self.run.deadline:
                self.run.bytes_in_time += len(data)
        if self.ended:
            self.finish(now)

    def feed_chunks(self, data: bytes) -> None:
        """Take HTTP chunks apart; `left` counts what is missing of the current one, with its CRLF."""
        if self.buffer:
            data = self.buffer + data
            self.buffer = b""
        at, size = 0, len(data)
        pieces = self.pieces
        while at < size:
            left = self.left
            if left:
                piece = data[at : at + left]
                at += len(piece)
                self.left = left - len(piece)
                if left > 2:
                    pieces.append(piece[: left - 2])
                continue
            eol = data.find(b"\r\n", at)
            if eol < 0:
                self.buffer = data[at:]
                return
            line = data[at:eol]
            if b";" in line:
                line = line.partition(b";")[0]
            length = int(line, 16)
            if not length:
                # No subject sends trailers; the empty line may come in a packet of its own.
                if size < eol + 4:
                    self.buffer = data[at:]
                    return
                self.ended = True
                return
            self.left = length + 2
            at = eol + 2

    def finish(self, now: float) -> None:
        run = self.run
        body = self.pieces[0] if len(self.pieces) == 1 else b"".join(self.pieces)
        why = self.judge(body)
        if why:
            self.wrong(f"{why}: {body[:300]!r}")
            return
        run.completed += 1
        if now <= run.deadline:
            run.in_time += 1
        run.latencies.append(now - self.sent)
        if run.spec.events:
            run.events += run.spec.events
        close = self.close
        self.reset()
        if close:
            self.busy = False
            if now < run.deadline:
                self.again()
                return
        self.next()

    def judge(self, body: bytes) -> str | None:
        """What is wrong with an answer; None when nothing is."""
        if self.status != b"200":
            return f"status {self.status.decode(errors='replace')}"
        if self.run.spec.exact:
            if body == self.want_before + self.serial + self.want_after:
                return None
            wanted = len(self.want_before) + len(self.serial) + len(self.want_after)
            return f"{len(body)} bytes that differ from the {wanted} the upstream sent"
        try:
            if self.zipped:
                body = gzip.decompress(body)
            text = stream_content(body) if self.run.spec.events else answer_content(body)
        except (ValueError, KeyError, IndexError, TypeError, EOFError, OSError) as error:
            return f"not a completion ({error!r})"
        if self.run.spec.events:
            before, after = payload.stream_text(self.run.spec.events)
        else:
            whole = answer_content(self.want_before + self.serial + self.want_after)
            before, _, after = whole.partition(self.serial.decode())
        return None if text == before + self.serial.decode() + after else "another text than the upstream's"


reconnecting: set[asyncio.Task[None]] = set()


def answer_content(body: bytes) -> str:
    """The text of a chat.completion."""
    return str(orjson.loads(body)["choices"][0]["message"]["content"])


def stream_content(body: bytes) -> str:
    """The text of a stream that ended as it must; ValueError otherwise."""
    events = body.strip().split(b"\n\n")
    if events.pop() != b"data: [DONE]":
        raise ValueError("the stream does not end with [DONE]")
    text = []
    for event in events:
        if not event.startswith(b"data: "):
            raise ValueError(f"not an event: {event[:80]!r}")
        for choice in orjson.loads(event[6:])["choices"]:
            text.append(choice["delta"].get("content") or "")
    return "".join(text)


def run(spec: Spec) -> Result:
    """Run in this process, on uvloop."""
    return uvloop.run(Run(spec).go())


if __name__ == "__main__":
    wanted = Spec(**orjson.loads(sys.argv[1]))
    if wanted.cpu is not None:
        os.sched_setaffinity(0, {wanted.cpu})
    # A collection in the client would be taken for a slow answer.
    gc.disable()
    sys.stdout.write(orjson.dumps(asdict(run(wanted))).decode() + "\n")
