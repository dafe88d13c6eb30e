"""What can go wrong with an answer, as pure functions from the right script to a wrong one."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import chain, islice
from typing import Any

import orjson

from .errors import Refusal, error_body, error_script
from .script import End, Framing, Kind, Script, Shape, Step, event

Mangle = Callable[[Script, int], Script]

_EVENTS_BEFORE = 4
_TRAILER_BYTES = 12
_OVERLOADED = Refusal(503, "The simulated provider failed on purpose.", type="server_error", code="sim_fault")


def refusing(refusal: Refusal) -> Mangle:
    """Answer with this error in the endpoint's shape."""
    return lambda script, _: error_script(refusal, script.shape)


def answering(status: int, body: bytes, *headers: tuple[str, str], length: int | None = None) -> Mangle:
    """Answer with these very bytes; a false `length` closes the connection after them."""
    end = End.CLEAN if length is None else End.CLOSE
    return lambda script, _: Script(status, headers, (Step(body, Kind.BODY),), length=length, end=end)


def silent(end: End) -> Mangle:
    """Send not a byte; only end."""
    return lambda script, _: Script(head=False, end=end)


def stopping(end: End, framing: Framing | None = None, *, inside: bool = False) -> Mangle:
    """End after a few events, or after half of a body in one piece; `inside` sends half of the next event too."""

    def mangle(script: Script, events: int) -> Script:
        if script.stream:
            cut = replace(script, steps=_first(script, events, inside), end=end)
        else:
            body = _body(script)
            sent = body[: len(body) // 2] if events else b""
            cut = replace(script, steps=(Step(sent, Kind.BODY),), end=end, length=len(body))
        return replace(cut, framing=framing or cut.framing)

    return mangle


def _first(script: Script, events: int, inside: bool) -> Iterator[Step]:
    steps = iter(script.steps)
    yield from islice(steps, events)
    if inside and (last := next(steps, None)) is not None:
        yield replace(last, data=last.data[: len(last.data) // 2])


def without(*kinds: Kind) -> Mangle:
    """Leave out all events of these kinds; a body in one piece stays as it is."""

    def mangle(script: Script, _: int) -> Script:
        if not script.stream:
            return script
        return replace(script, steps=(step for step in script.steps if step.kind not in kinds))

    return mangle


def after_done(*more: bytes) -> Mangle:
    """Send these bytes after the last event of a stream; an empty one stands for that last event again."""

    def steps(script: Script) -> Iterator[Step]:
        last = Step(b"")
        for last in script.steps:
            yield last
        for data in more:
            yield Step(data or last.data, Kind.DONE)

    return lambda script, _: replace(script, steps=steps(script)) if script.stream else script


def failing_in_stream(script: Script, events: int) -> Script:
    """Send an error as an event after some events, and end cleanly; not streamed: the error with status 200."""
    error = error_body(_OVERLOADED, script.shape)
    if not script.stream:
        return Script(200, script.headers, (Step(orjson.dumps(error), Kind.BODY),))
    if script.shape is Shape.RESPONSES:
        error = {**error["error"], "type": "error", "sequence_number": events}
    named = "" if script.shape is Shape.OPENAI else "error"
    return replace(script, steps=chain(islice(script.steps, events), [event(error, Kind.DELTA, name=named)]))


def commenting(script: Script, comments: int) -> Script:
    """Send comments before the first event, as OpenRouter does; not streamed: white space before the JSON."""
    if script.stream:
        return replace(script, steps=chain([Step(b": OPENROUTER PROCESSING\n\n", Kind.OPEN)] * comments, script.steps))
    return replace(script, steps=(Step(b"\n         " * comments + _body(script), Kind.BODY),))


def gzipping(cut: int) -> Mangle:
    """Encode the body with gzip, which nobody asked for, and leave out the last `cut` bytes of it."""

    def mangle(script: Script, _: int) -> Script:
        headers = (*script.headers, ("content-encoding", "gzip"))
        steps = _gzipped(script, cut)
        return replace(script, headers=headers, steps=steps if script.stream else tuple(steps))

    return mangle


def _gzipped(script: Script, cut: int) -> Iterator[Step]:
    packer = zlib.compressobj(wbits=31)
    held = b""
    for step in script.steps:
        held += packer.compress(step.data) + packer.flush(zlib.Z_SYNC_FLUSH)
        yield replace(step, data=held[: len(held) - cut])
        held = held[len(held) - cut :]
    held += packer.flush()
    yield Step(held[: len(held) - cut], Kind.DONE)


def delaying_first(script: Script, ms: int) -> Script:
    """Wait this long before the first byte."""
    steps = iter(script.steps)
    first = next(steps, Step(b""))
    rest = chain([replace(first, wait_ms=float(ms))], steps)
    return replace(script, steps=rest if script.stream else tuple(rest))


def delaying_each(script: Script, ms: int) -> Script:
    """Wait this long for each token."""
    steps = (replace(step, wait_ms=float(ms * step.tokens)) for step in script.steps)
    return replace(script, steps=steps if script.stream else tuple(steps))


def trickling(script: Script, ms: int) -> Script:
    """Send every write in twenty pieces with a wait before each."""

    def steps() -> Iterator[Step]:
        for step in script.steps:
            size = max(1, len(step.data) // 20)
            for at in range(0, len(step.data), size):
                yield replace(step, data=step.data[at : at + size], wait_ms=float(ms))

    return replace(script, steps=steps() if script.stream else tuple(steps()), eager=True)


def splitting(script: Script, _: int) -> Script:
    """Send every byte in a write of its own."""

    def steps() -> Iterator[Step]:
        for step in script.steps:
            for at in range(len(step.data)):
                yield replace(step, data=step.data[at : at + 1], wait_ms=0.0 if at else step.wait_ms)

    return replace(script, steps=steps() if script.stream else tuple(steps()), eager=True)


def with_line_ends(line_end: bytes) -> Mangle:
    """End the lines of the events otherwise (WHATWG: LF, CRLF and CR are all right)."""

    def mangle(script: Script, _: int) -> Script:
        if not script.stream:
            return script
        return replace(script, steps=(replace(s, data=s.data.replace(b"\n", line_end)) for s in script.steps))

    return mangle


def before(first: bytes) -> Mangle:
    """Put these bytes before the first event."""
    return lambda script, _: (
        replace(script, steps=chain([Step(first, Kind.OPEN)], script.steps)) if script.stream else script
    )


def with_headers(*headers: tuple[str, str]) -> Mangle:
    """Add these headers."""
    return lambda script, _: replace(script, headers=(*script.headers, *headers))


def ending(end: End) -> Mangle:
    """Answer rightly, then end so."""
    return lambda script, _: replace(script, end=end)


def with_huge_event(script: Script, megabytes: int) -> Script:
    """Make the text of one event this large; not streamed: that much white space before the JSON."""
    size = megabytes * 1_000_000
    if not script.stream:
        return replace(script, steps=(Step(b" " * size + _body(script), Kind.BODY),))

    def steps() -> Iterator[Step]:
        done = False
        for step in script.steps:
            huge = None if done else retext(step, "x" * size)
            done = done or huge is not None
            yield huge or step

    return replace(script, steps=steps())


def with_many_events(script: Script, events: int) -> Script:
    """Send the first event with text this many times, as fast as possible."""

    def steps() -> Iterator[Step]:
        done = False
        for step in script.steps:
            fast = replace(step, wait_ms=0.0)
            if not done and retext(step, "") is not None:
                done = True
                for _ in range(events - 1):
                    yield fast
            yield fast

    return replace(script, steps=steps()) if script.stream else script


def retext(step: Step, text: str) -> Step | None:
    """Return an event with its text replaced, or None if it carries none."""
    if step.kind is not Kind.DELTA:
        return None
    head, mark, payload = step.data.partition(b"data: ")
    parsed: dict[str, Any] = orjson.loads(payload)
    delta = parsed.get("delta")
    if parsed.get("choices"):
        choice = parsed["choices"][0]
        if "text" in choice:
            choice["text"] = text
        elif (choice.get("delta") or {}).get("content"):
            choice["delta"]["content"] = text
        else:
            return None
    elif isinstance(delta, str):
        parsed["delta"] = text
    elif isinstance(delta, dict) and "text" in delta:
        delta["text"] = text
    else:
        return None
    return replace(step, data=head + mark + orjson.dumps(parsed) + b"\n\n")


def _body(script: Script) -> bytes:
    return b"".join(step.data for step in script.steps)
