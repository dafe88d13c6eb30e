"""Streams of server-sent events: sources that listen to themselves, and the stages plugins put on top.

A stream nobody alters is handed out as the bytes that came in. Listening happens when the consumer comes back for
the next piece, that is, after it wrote the last one: so it never delays a byte.
"""

import logging
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace

from tailrace.errors import StreamCut, TailraceError
from tailrace.wire import sse
from tailrace.wire.endpoints import Shape
from tailrace.wire.sse import Event
from tailrace.wire.watch import StreamWatch

_log = logging.getLogger("tailrace.streams")

HOLD_BYTES = 65536
"""An event that is still incomplete is held back up to this size, so that a cut never leaves half an event before the
error that reports it. No client can use half an event; a larger one goes on piece by piece."""

HEARD_BYTES = 1_048_576
"""The largest event that is heard, and the most that is kept while a stream has not begun: no error object, usage
report or delta is that large, and a stream must not fill the memory."""

ALTERED_BYTES = 16_777_216
"""The largest event that can go through a plugin's wrap, which must have all of it."""

Wrap = Callable[[AsyncIterator[Event]], AsyncIterator[Event | bytes]]


class Tap:
    """A listener that can do no harm: what it raises is logged once and it hears no more."""

    __slots__ = ("_listener",)

    def __init__(self, listener: Callable[[Event], None]) -> None:
        self._listener: Callable[[Event], None] | None = listener

    def __call__(self, event: Event) -> None:
        """Tell the listener, unless it failed before."""
        if self._listener is None:
            return
        try:
            self._listener(event)
        except Exception as error:  # noqa: BLE001 - a listener never breaks the stream it listens to
            self._listener = None
            _log.warning("a stream listener failed (%s) and was left out", type(error).__name__)


@dataclass(frozen=True, slots=True)
class Stage:
    """One thing a plugin put on a stream: a wrap that alters it, or a tap that hears it."""

    wrap: Wrap | None = None
    tap: Tap | None = None
    strict: bool = False
    """Whether the stream must not go on without the wrap: it is one of a plugin that guards something."""


class Source(ABC):
    """Where a stream's bytes come from. Read once, from one task, closed always."""

    is_events = False
    is_sse = False
    """Whether the bytes are server-sent events of whatever kind, so that an error can be told in-band."""

    @property
    def torn(self) -> bool:
        """Whether what was given out so far ends in the middle of an event."""
        return False

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    @abstractmethod
    async def __anext__(self) -> bytes:
        """The next piece, never empty. Raises `StreamCut` or `UpstreamTimeout` when the answer breaks off."""

    @abstractmethod
    async def aclose(self) -> None:
        """Let go of the connection; an unfinished answer is abandoned. May be called more than once."""


class EventSource(Source):
    """A source of server-sent events: knows where events end, hears them, and judges the stream's end.

    Subclasses bring `read` and `aclose`. Promises: bytes come out as they came in; an incomplete event is held back up
    to `HOLD_BYTES`; nothing follows the first `[DONE]`; an end without `[DONE]`, finish reason or error is a cut.
    """

    is_events = True
    is_sse = True

    def __init__(self, shape: Shape, choices: int = 1) -> None:
        self.watch = StreamWatch(shape, choices=choices)
        self._taps: list[Tap] = []
        self._splitter = sse.FrameSplitter()
        self._sent = b""
        self._gated: list[bytes] = []
        self._held = b""
        self._over = False
        self._torn = False
        self._skipped = b""
        self._failure: Exception | None = None

    @property
    def torn(self) -> bool:
        """Whether what was given out so far ends in the middle of an event, one too large to be held back."""
        return self._torn

    @abstractmethod
    async def read(self) -> bytes:
        """The next bytes from wherever they come; empty at the end. Raises `StreamCut` when it broke off."""

    def spoil(self) -> None:
        """Called in the same turn in which bytes were found behind the end of the answer."""
        return

    def hear(self, tap: Tap) -> None:
        """Have `tap` hear every event that comes from now on."""
        self._taps.append(tap)

    async def first_event(self) -> Event | None:
        """Wait for the first real event, keeping all bytes for `__anext__`; None if the stream ends without one.

        One that is larger than `HEARD_BYTES`, or comments of that size, count as an event without data.
        """
        splitter = sse.FrameSplitter()
        kept = 0
        while True:
            try:
                piece = await self._next()
            except StreamCut as cut:
                if not self._gated:
                    raise
                self._failure = cut
                return None
            if not piece:
                return None
            self._gated.append(piece)
            kept += len(piece)
            if kept > HEARD_BYTES:
                return Event(b"", b"")
            for frame in splitter.feed(piece):
                event = sse.parse(frame)
                if not event.is_comment:
                    return event

    async def __anext__(self) -> bytes:
        self._listen()
        if self._gated:
            piece = self._gated.pop(0)
        elif self._failure is not None:
            raise self._failure
        else:
            piece = await self._next()
        if not piece:
            self._hear_rest()
            raise StopAsyncIteration
        self._sent = piece
        return piece

    async def frames(self) -> AsyncIterator[Event]:
        """The same stream as parsed events, for stages that alter it; taps hear each event before it goes on."""
        async for piece in self:
            self._sent = b""
            for frame in self._splitter.feed(piece):
                yield self._hear(frame)
            if self._splitter.held_bytes > ALTERED_BYTES:
                raise StreamCut("The provider sent an event that is too large for a plugin to alter.")
        if rest := self._splitter.rest:
            # The taps have heard it (`_hear_rest`).
            yield sse.parse(rest)

    def _listen(self) -> None:
        sent, self._sent = self._sent, b""
        if not sent:
            return
        frames = self._splitter.feed(self._skipped + sent if self._skipped else sent)
        if self._skipped:
            if not frames:
                self._skip(sent)
                return
            # The end of the event that was too large: what it said is not known.
            self._skipped = b""
            del frames[0]
        for frame in frames:
            self._hear(frame) if self._taps else self.watch.feed(frame)
        if self._splitter.held_bytes > HEARD_BYTES:
            self._skip(sent)

    def _skip(self, piece: bytes) -> None:
        """Forget an event that has grown too large; the last bytes are kept, its end may have begun in them."""
        self._splitter = sse.FrameSplitter()
        self._skipped = (self._skipped + piece)[-3:] if len(piece) < 3 else piece[-3:]

    def _hear_rest(self) -> None:
        """Tell the taps of a last event without its blank line; the watch has judged it in `_ending`."""
        if self._taps and self._splitter.rest.strip(b"\r\n"):
            self._tell(self._splitter.rest)

    def _hear(self, frame: bytes) -> Event:
        self.watch.feed(frame)
        return self._tell(frame)

    def _tell(self, frame: bytes) -> Event:
        event = sse.parse(frame)
        if not event.is_comment:
            for tap in self._taps:
                tap(event)
        return event

    async def _next(self) -> bytes:
        while not self._over:
            chunk = await self.read()
            if not chunk:
                return self._ending()
            if self._held:
                chunk, self._held = self._held + chunk, b""
            # Only a frame that starts here can be [DONE] itself; the substring is the cheap first look.
            if b"[DONE]" in chunk and (end := _after_done(chunk)):
                self._over = True
                if chunk[end:].strip(b"\r\n"):
                    self.spoil()
                return chunk[:end]
            cut = sse.complete_prefix(chunk)
            if cut == len(chunk):
                self._torn = False
                return chunk
            if len(chunk) - cut > HOLD_BYTES or (self._torn and not cut):
                self._torn = True
                return chunk
            self._held = chunk[cut:]
            if cut:
                self._torn = False
                return chunk[:cut]
        return b""

    def _ending(self) -> bytes:
        """The provider's bytes are over: was that the end of the answer?"""
        self._over = True
        self._listen()
        held, self._held = self._held, b""
        watch = self.watch
        if held:
            # Some providers leave out the last blank line.
            watch.feed(held + b"\n\n")
        if watch.terminal or watch.error is not None:
            return held
        self._failure = StreamCut("The provider's stream ended before its answer was complete.")
        raise self._failure


def _after_done(chunk: bytes) -> int:
    """The position behind the first `[DONE]` event in `chunk`, 0 if none is complete yet."""
    splitter, position = sse.FrameSplitter(), 0
    for frame in splitter.feed(chunk):
        position += len(frame)
        if sse.parse(frame).is_done:
            return position
    return 0


@dataclass(frozen=True, slots=True)
class Stream:
    """A source and the stages on top of it, innermost first."""

    source: Source
    stages: tuple[Stage, ...] = field(default=())

    @property
    def is_events(self) -> bool:
        """Whether the bytes are server-sent events."""
        return self.source.is_events

    def with_stage(self, stage: Stage) -> "Stream":
        """The stream with one more stage on top."""
        return replace(self, stages=(*self.stages, stage))

    def open(self) -> AsyncIterator[bytes]:
        """The bytes for the client. Called once."""
        source = self.source
        if not isinstance(source, EventSource):
            return source
        stages = list(self.stages)
        while stages and stages[0].tap is not None:
            source.hear(stages.pop(0).tap)  # type: ignore[arg-type]
        if not stages:
            return source
        items: AsyncIterator[Event | bytes] = source.frames()
        for stage in stages:
            if stage.wrap is not None:
                items = _guarded(stage.wrap, _as_events(items), strict=stage.strict)
            elif stage.tap is not None:
                items = _tapped(_as_events(items), stage.tap)
        return _as_bytes(items)

    def strict_from(self, position: int) -> "Stream":
        """The stream with the stages from `position` on made strict."""
        stages = self.stages
        return replace(self, stages=stages[:position] + tuple(replace(s, strict=True) for s in stages[position:]))

    async def aclose(self) -> None:
        """Let go of the source."""
        await self.source.aclose()


async def _as_events(items: AsyncIterator[Event | bytes]) -> AsyncIterator[Event]:
    """What a wrap gave out, as events again; bytes may hold several events, or part of one."""
    splitter = sse.FrameSplitter()
    async for item in items:
        if isinstance(item, Event):
            yield item
        else:
            for frame in splitter.feed(item):
                yield sse.parse(frame)
    if splitter.rest:
        yield sse.parse(splitter.rest)


async def _as_bytes(items: AsyncIterator[Event | bytes]) -> AsyncIterator[bytes]:
    async for item in items:
        data = item.raw if isinstance(item, Event) else item
        if data:
            yield data


async def _tapped(events: AsyncIterator[Event], tap: Tap) -> AsyncIterator[Event]:
    async for event in events:
        yield event
        # Resumed for the next one: this one was passed on.
        if not event.is_comment:
            tap(event)


_MOST_TAKEN = 256
"""Events remembered of a wrap that takes more than it gives: beyond that it drops them on purpose."""


async def _guarded(wrap: Wrap, events: AsyncIterator[Event], *, strict: bool) -> AsyncIterator[Event | bytes]:
    """Run a plugin's wrap so that its failure costs its own work and not the answer.

    Events it took and did not give out are passed on as they were, and so is all that follows; also when it ends before
    the stream does; with `strict` the stream ends in-band instead. A `TailraceError` it raises itself is meant for the
    client and ends the stream in-band.
    """
    taken: list[Event] = []
    broke: list[Exception] = []
    ended = False

    async def feed() -> AsyncIterator[Event]:
        nonlocal ended
        try:
            async for event in events:
                taken.append(event)
                if len(taken) > _MOST_TAKEN:
                    del taken[0]
                yield event
            ended = True
        except Exception as error:
            broke.append(error)
            raise

    why = "ended before the stream"
    try:
        async for item in wrap(feed()):
            if isinstance(item, Event) and any(item is event for event in taken):
                taken[:] = [event for event in taken if event is not item]
            else:
                # Something made of what it took: a merged event, a comment.
                taken.clear()
            yield item
    except TailraceError as error:
        raise (broke[0] if broke else error) from None
    except Exception as error:  # noqa: BLE001 - see above: the wrap's failure, whatever it is
        if broke:
            raise broke[0] from None
        why = f"failed ({type(error).__name__})"
    if strict and (why.startswith("failed") or not ended):
        _log.error("a guarding stream wrap %s: the stream is ended", why)
        raise TailraceError("A plugin that guards this stream failed.", status=503, code="plugin_failed")
    if ended:
        if why.startswith("failed"):
            for event in taken:
                yield event
        return
    _log.warning("a stream wrap %s and was left out", why)
    for event in taken:
        yield event
    async for event in events:
        yield event
