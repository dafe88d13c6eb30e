"""Server-sent events, read and written by the WHATWG rules (HTML standard, section 9.2).

Lines end with CRLF, LF or CR in any mixture, and an empty line ends an event. Raw bytes are kept as they came: what
nobody alters is forwarded as it was.
"""

import re
from typing import Any, Final

from tailrace.wire import jsonio

DONE: Final = b"data: [DONE]\n\n"
"""The frame that ends a stream in OpenAI's chat and completions protocols."""

_BLANK_LINE: Final = re.compile(rb"\n\n|[\n\r]\r\n?")
"""Two line ends in a row. The second arm cannot hold LF-LF, and CR-LF alone fits none: it is one line end."""

_LINE_END: Final = re.compile(rb"\r\n?|\n")
_BOM: Final = b"\xef\xbb\xbf"
_UNREAD: Final = object()


class FrameSplitter:
    """Cuts a byte stream into raw frames, each ending with the blank line that ends an event.

    The frames handed out plus `rest` are the bytes fed, in order, exactly. A frame holds at most one event; it may
    begin with blank lines left over from the frame before, or hold nothing but blank lines or comments. Work is
    linear in the bytes fed, however they are cut and however large one event is.
    """

    __slots__ = ("_after_cr", "_tail")

    def __init__(self) -> None:
        self._tail = bytearray()
        self._after_cr = False

    @property
    def rest(self) -> bytes:
        """The bytes after the last complete frame. By the standard an event cut short here is never dispatched.

        May be nothing but line ends, when a provider sends more blank lines than needed.
        """
        return bytes(self._tail)

    @property
    def held_bytes(self) -> int:
        """The size of `rest`, without copying it."""
        return len(self._tail)

    def feed(self, chunk: bytes) -> list[bytes]:
        """Take the next bytes, give back the frames they completed (often one, often none)."""
        if not self._tail and not self._after_cr and b"\r" not in chunk:
            frames = chunk.split(b"\n\n")
            last = frames.pop()
            if last:
                self._tail += last
            elif len(frames) == 1:
                return [chunk]
            return [frame + b"\n\n" for frame in frames]
        return self._feed_slowly(chunk)

    def _feed_slowly(self, chunk: bytes) -> list[bytes]:
        if not chunk:
            return []
        frames: list[bytes] = []
        if self._after_cr:
            # The last frame was handed out at its closing CR, so that a CR-only stream is not one event late.
            # An LF that now follows belonged to that line end; it becomes an empty frame of its own.
            self._after_cr = False
            if chunk.startswith(b"\n"):
                frames.append(b"\n")
                chunk = chunk[1:]
        tail = self._tail
        if tail:
            # No blank line ends inside the tail, so only its last byte can take part in one.
            searched, before = max(0, len(tail) - 1), len(tail)
            tail += chunk
            cut = _next_cut(tail, searched)
            if cut < 0:
                return frames
            with memoryview(tail) as view:
                frames.append(bytes(view[:cut]))
            tail.clear()
            chunk = chunk[cut - before :]
        start = 0
        if b"\r" in chunk:
            for blank in _BLANK_LINE.finditer(chunk):
                frames.append(chunk[start : blank.end()])
                start = blank.end()
        else:
            while (cut := chunk.find(b"\n\n", start)) >= 0:
                frames.append(chunk[start : cut + 2])
                start = cut + 2
        tail += chunk[start:]
        self._after_cr = not tail and bool(frames) and frames[-1].endswith(b"\r")
        return frames


class Event:
    """One parsed frame. Treat it as frozen; `json` is read when first asked for.

    `raw` is the frame as it came. `data` is the joined data lines as bytes (UTF-8, not validated). `event`, `id` and
    `retry` (milliseconds) are None when the frame does not set them.
    """

    __slots__ = ("_has_data", "_json", "data", "event", "id", "raw", "retry")

    def __init__(
        self,
        raw: bytes,
        data: bytes | None,
        event: str | None = None,
        id: str | None = None,
        retry: int | None = None,
    ) -> None:
        self.raw = raw
        self.data = data or b""
        self.event = event
        self.id = id
        self.retry = retry
        self._has_data = data is not None
        self._json: Any = _UNREAD

    @property
    def is_comment(self) -> bool:
        """True when a client would dispatch nothing: comments, blank lines, or fields without any `data`."""
        return not self._has_data

    @property
    def is_done(self) -> bool:
        """True for OpenAI's closing `[DONE]`."""
        return len(self.data) < 16 and self.data.strip() == b"[DONE]"

    @property
    def json(self) -> Any:
        """The data as JSON, None where `jsonio.loads` refuses it; invalid UTF-8 is replaced, as the standard says."""
        if self._json is _UNREAD:
            self._json = _read_json(self.data) if self._has_data else None
        return self._json

    def __repr__(self) -> str:
        """Field names and sizes only: events hold prompts and answers, and a repr ends in a log."""
        return f"Event(event={self.event!r}, data={len(self.data)} bytes)"


def parse(frame: bytes) -> Event:
    """Read one frame of a `FrameSplitter`. Never fails: unknown fields and malformed lines are skipped.

    Where a frame holds several events (it did not come from the splitter) only the first is read. A byte order mark
    is skipped at the start of any frame, though the standard allows it at the start of the stream only.
    """
    if frame.startswith(b"data: ") and frame.find(b"\n") == len(frame) - 2 and b"\r" not in frame:
        return Event(frame, frame[6:-2])
    data: list[bytes] | None = None
    event = id_ = None
    retry: int | None = None
    begun = False
    frame_text = frame.removeprefix(_BOM)
    for line in _LINE_END.split(frame_text) if b"\r" in frame_text else frame_text.split(b"\n"):
        if not line:
            if begun:
                break
            continue
        begun = True
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            if data is None:
                data = []
            data.append(value)
        elif name == b"event":
            event = value.decode("utf-8", "replace")
        elif name == b"id":
            if b"\0" not in value:
                id_ = value.decode("utf-8", "replace")
        elif name == b"retry" and value.isdigit() and len(value) < 16:
            retry = int(value)
    return Event(frame, None if data is None else b"\n".join(data), event, id_, retry)


def encode(data: bytes | str, event: str | None = None) -> bytes:
    """Write one event. Line ends inside `data` become further data lines; `event` must be a single line."""
    payload = data.encode() if isinstance(data, str) else data
    if b"\n" in payload or b"\r" in payload:
        payload = b"\ndata: ".join(_LINE_END.split(payload))
    if event is None:
        return b"data: %b\n\n" % payload
    if "\n" in event or "\r" in event:
        raise ValueError("an event's name cannot contain a line end")
    return b"event: %b\ndata: %b\n\n" % (event.encode(), payload)


def comment(text: str) -> bytes:
    """Write a comment, which clients ignore: `comment("ping")` keeps a quiet connection alive."""
    return b"".join(b": %b\n" % line for line in _LINE_END.split(text.encode())) + b"\n"


def complete_prefix(chunk: bytes) -> int:
    """How many leading bytes end with an event's closing blank line; 0 when no event in `chunk` is complete.

    `chunk` begins where an event begins: a caller that holds the remainder back puts it before the next bytes.
    """
    if chunk.endswith(b"\n\n"):
        return len(chunk)
    end = chunk.rfind(b"\n\n") + 2
    if b"\r" in chunk:
        for pair in (b"\n\r", b"\r\r"):
            at = chunk.rfind(pair)
            if at >= 0:
                end = max(end, at + 2 + (chunk[at + 2 : at + 3] == b"\n"))
    return end if end > 1 else 0


def _next_cut(buffer: bytearray, start: int) -> int:
    """Where the first blank line at or after `start` ends; -1 without one."""
    if buffer.find(b"\r", start) < 0:
        at = buffer.find(b"\n\n", start)
        return at + 2 if at >= 0 else -1
    blank = _BLANK_LINE.search(buffer, start)
    return blank.end() if blank else -1


def _read_json(data: bytes) -> Any:
    try:
        return jsonio.loads(data)
    except jsonio.BadJson:
        pass
    text = data.decode("utf-8", "replace")
    if "�" not in text:
        return None
    try:
        return jsonio.loads(text)
    except jsonio.BadJson:
        return None
