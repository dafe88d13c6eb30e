"""From a stored entry to a reply in the form the client asked for. Pure but for the ids and times it is given.

A hit is a new answer: it has its own id and time of creation, says in its usage that nothing was billed, and comes with
the event boundaries of the stream it was recorded from where it is streamed again.
"""

import re
import secrets
import zlib
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import Any, Final

from tailrace.cache.asked import wants_usage
from tailrace.cache.entry import Entry, Saved
from tailrace.exchange import Exchange, Reply, Wrap
from tailrace.streams import EventSource, Stream
from tailrace.wire import jsonio, sse
from tailrace.wire.assemble import assembler
from tailrace.wire.endpoints import EndpointKind, Shape
from tailrace.wire.replay import stream_events
from tailrace.wire.sse import Event

_PIECE_CHARS: Final = 60
"""Characters in one delta of a stream that was never one: about what models send at a time in a burst."""

_PIECE_BYTES: Final = 65_536
"""How much of a stream is handed on at once, so that a client that stalls or leaves is noticed."""

_TIMES: Final = ("created", "created_at", "completed_at")

_ID: Final[Mapping[EndpointKind, str]] = {
    EndpointKind.CHAT: "chatcmpl-",
    EndpointKind.COMPLETIONS: "cmpl-",
    EndpointKind.RESPONSES: "resp_",
    EndpointKind.MESSAGES: "msg_",
}

_USAGE: Final = re.compile(rb'"usage":\s*\{')
"""Usage that is told. Inside a text its quotes would be escaped."""

_RANK: Final = ("bypass", "miss", "semantic", "exact")


def with_mark(reply: Reply, mark: str) -> Reply:
    """The reply with `x-tailrace-cache`; of two caches in a chain, the one that did more has the word."""
    given = reply.headers.get("x-tailrace-cache", "").partition(";")[0]
    if given in _RANK and _RANK.index(given) >= _RANK.index(mark.partition(";")[0]):
        return reply
    return reply.with_headers({"x-tailrace-cache": mark})


def note_saving(exchange: Exchange, saved: Saved, result: str) -> None:
    """The facts of a hit, for its span, the metrics and the log. A price that nobody knows is left out."""
    exchange.note("cache.result", result)
    exchange.note("cache.saved_input_tokens", saved.input_tokens)
    exchange.note("cache.saved_output_tokens", saved.output_tokens)
    exchange.note("cache.saved_s", saved.seconds)
    if saved.usd is not None:
        exchange.note("cache.saved_usd", saved.usd)


def can_serve(entry: Entry, exchange: Exchange) -> bool:
    """Whether the entry has all that the form the client asked for needs.

    A stream that nobody asked for usage lacks what a whole answer reports; a whole answer without usage is all there
    is, for its provider reports none.
    """
    return entry.usage or not entry.frames or not wants_usage(exchange.endpoint.kind, exchange.payload)


def reply_from(entry: Entry, exchange: Exchange, mark: str, now: float) -> Reply:
    """The reply to `exchange` from `entry`, with `Age` and `x-tailrace-cache: <mark>`; `can_serve` was asked before."""
    kind, shape = exchange.endpoint.kind, exchange.endpoint.shape
    headers = {"age": str(entry.age_s(now)), "x-tailrace-cache": mark}
    new_id, level = f"{_ID.get(kind, '')}{secrets.token_hex(14)}", mark.partition(";")[0]
    if not exchange.stream or shape is None:
        answer = renewed(whole_of(entry, shape), new_id, int(now), level)
        headers["content-type"] = "application/json"
        return Reply(200, headers, jsonio.dumps(answer), origin=entry.cache, parsed=answer)
    with_usage = wants_usage(kind, exchange.payload)
    headers["content-type"] = "text/event-stream; charset=utf-8"
    if entry.frames:
        recorded = zlib.decompress(entry.frames)
        frames = renewed_frames(recorded, new_id, int(now), level, with_usage=with_usage)
    else:
        answer = renewed(whole_of(entry, shape), new_id, int(now), level)
        frames = stream_events(shape, answer, include_usage=with_usage, piece_chars=_PIECE_CHARS)
    choices = exchange.payload.get("n")
    source = Recorded(shape, frames, choices if type(choices) is int else 1)
    return Reply(200, headers, stream=Stream(source), origin=entry.cache)


def renewed(answer: dict[str, Any], new_id: str, created: int, level: str) -> dict[str, Any]:
    """The answer under a new id and time, its usage marked as a cache's: tokens that nobody was billed for."""
    fresh = dict(answer)
    if "id" in fresh:
        fresh["id"] = new_id
    for name in _TIMES:
        if type(fresh.get(name)) in (int, float):
            fresh[name] = created
    if isinstance(fresh.get("usage"), dict):
        fresh["usage"] = marked(fresh["usage"], level)
    return fresh


def marked(usage: dict[str, Any], level: str) -> dict[str, Any]:
    """A usage report that says where it comes from. Clients keep what they do not know."""
    return {**usage, "tailrace": {"cache": level, "billed": False}}


def whole_of(entry: Entry, shape: Shape | None) -> dict[str, Any]:
    """The whole answer of an entry: as it is kept, or put together from its events."""
    if entry.body or shape is None:
        return jsonio.loads_object(entry.body)
    return assembled(shape, zlib.decompress(entry.frames))


def renewed_frames(recorded: bytes, new_id: str, created: int, level: str, *, with_usage: bool) -> Iterator[bytes]:
    """The recorded events under the new id and time, in pieces; of usage reports, what the client asked for.

    All is changed as bytes (see `_renamed`); only events from the first that reports usage on are parsed.
    """
    fresh = _renamed(_identity(recorded), new_id, created)(recorded)
    usage = _USAGE.search(fresh)
    plain = len(fresh) if usage is None else fresh.rfind(b"\n\n", 0, usage.start()) + 2
    # Where there is no such line end, all of it is looked at.
    plain = 0 if plain < 2 else plain
    for start in range(0, plain, _PIECE_BYTES):
        yield fresh[start : min(plain, start + _PIECE_BYTES)]
    splitter = sse.FrameSplitter()
    for frame in [*splitter.feed(fresh[plain:]), splitter.rest]:
        if _USAGE.search(frame):
            yield from _usage_frame(frame, level, with_usage=with_usage)
        elif frame:
            yield frame


def _identity(recorded: bytes) -> dict[str, Any]:
    """The id and times that a recorded answer has: those of its first event, and the time at which its last one says
    that it was complete.
    """
    found: dict[str, Any] = {}
    ends = recorded.strip().rsplit(b"\n\n", 1)[-1] + b"\n\n"
    for part in (ends, recorded[:_PIECE_BYTES]):
        splitter = sse.FrameSplitter()
        for frame in [*splitter.feed(part), splitter.rest]:
            told = sse.parse(frame).json
            if isinstance(told, dict):
                holder = told.get("response") or told.get("message") or told
                told = holder if isinstance(holder, dict) else {}
                found |= {name: told[name] for name in ("id", *_TIMES) if told.get(name)}
                if found.get("id"):
                    # Azure's first event has none.
                    break
    return found


def _renamed(answer: Mapping[str, Any], new_id: str, created: int) -> Callable[[bytes], bytes]:
    """Puts the new id and time into an event's bytes, in place of those that `answer` has.

    Exact: only whole JSON members of just these values are replaced, and inside a text their quotes would be escaped.
    """
    changes: list[tuple[re.Pattern[bytes], bytes]] = []
    old_id = answer.get("id")
    if isinstance(old_id, str) and old_id:
        spelled = re.escape(jsonio.dumps(old_id))
        changes.append((re.compile(rb'("(?:response_)?id":\s*)' + spelled), rb"\g<1>" + jsonio.dumps(new_id)))
    for name in _TIMES:
        old = answer.get(name)
        if type(old) in (int, float):
            member = rb'("%b":\s*)%b(?![\d.])' % (name.encode(), re.escape(jsonio.dumps(old)))
            changes.append((re.compile(member), rb"\g<1>" + str(created).encode()))

    def rename(frame: bytes) -> bytes:
        for pattern, fresh in changes:
            frame = pattern.sub(fresh, frame)
        return frame

    return rename


def renewing(kind: EndpointKind, created: int) -> Wrap:
    """A wrap that gives a stream that is still coming an id and a time of its own, and marks its usage."""

    async def renew(events: AsyncIterator[Event]) -> AsyncIterator[Event | bytes]:
        rename: Callable[[bytes], bytes] | None = None
        async for event in events:
            if rename is None and isinstance(told := event.json, dict):
                holder = told.get("response") or told.get("message") or told
                answer = holder if isinstance(holder, dict) else {}
                rename = _renamed(answer, f"{_ID.get(kind, '')}{secrets.token_hex(14)}", created)
            if rename is None:
                yield event
            elif _USAGE.search(event.raw):
                for frame in _usage_frame(rename(event.raw), "exact", with_usage=True):
                    yield frame
            else:
                yield rename(event.raw)

    return renew


def _usage_frame(frame: bytes, level: str, *, with_usage: bool) -> Iterator[bytes]:
    """An event that reports usage: in a chat or completions chunk only if it is wanted, elsewhere always; marked."""
    event = sse.parse(frame)
    told = event.json
    if not isinstance(told, dict):
        yield frame
        return
    changed = dict(told)
    if isinstance(told.get("usage"), dict):
        if "choices" in told and not with_usage:
            if not told["choices"]:
                return
            del changed["usage"]
        else:
            changed["usage"] = marked(told["usage"], level)
    for holder in ("response", "message"):
        inner = told.get(holder)
        if isinstance(inner, dict) and isinstance(inner.get("usage"), dict):
            changed[holder] = {**inner, "usage": marked(inner["usage"], level)}
    yield sse.encode(jsonio.dumps(changed), event.event or None)


class Recorded(EventSource):
    """A stream from frames that are all there: given out in pieces, as fast as the client takes them."""

    def __init__(self, shape: Shape, frames: Iterator[bytes], choices: int = 1) -> None:
        super().__init__(shape, choices)
        self._frames = frames

    async def read(self) -> bytes:
        """The next events, at least one."""
        pieces: list[bytes] = []
        size = 0
        for frame in self._frames:
            pieces.append(frame)
            size += len(frame)
            if size >= _PIECE_BYTES:
                break
        return b"".join(pieces)

    async def aclose(self) -> None:
        """Forget what is left."""
        self._frames = iter(())


def assembled(shape: Shape, recorded: bytes) -> dict[str, Any]:
    """The whole answer that a recorded stream stands for."""
    gathered = assembler(shape)
    splitter = sse.FrameSplitter()
    for frame in [*splitter.feed(recorded), splitter.rest]:
        if isinstance(told := sse.parse(frame).json, dict):
            gathered.feed(told)
    return gathered.result()
