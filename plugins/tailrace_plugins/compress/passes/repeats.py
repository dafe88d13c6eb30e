"""What stands earlier in the context already: a reference to it instead of the same lines once more.

An agent reads a file, edits it, and reads it again; runs the tests, and runs them again. Of such a result the model is
sent what is new, and for the rest where it has it. Each run of lines keeps its first and last line, so that the model
sees what it is about; a listing with line numbers may go on from other numbers than before.
"""

import re
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Final

from tailrace_plugins.compress.passes.numbers import LEGEND

_NUMBERED: Final = re.compile(r"( *[0-9]{1,9})([\t\u2192|:])(.*)", re.DOTALL)
_NUMBER: Final = re.compile(r"^ *([0-9]{1,9})[\t\u2192|:]", re.MULTILINE)
_HEAD_CHARS: Final = 1_500
"""The part of a text that tells whether it is a listing with line numbers."""
_LEAST_CHARS: Final = 240
"""Of a run, besides its first and last line. A mark has 30 to 40 tokens, as many as 150 characters of code."""
_LEAST_LINES: Final = 4
_LEAST_WHOLE: Final = 120
"""Characters of a whole text that is worth a reference."""
_TRIVIAL_CHARS: Final = 3
_MOST_PLACES: Final = 6
"""Places of one line that are looked at, the last ones: a line that stands everywhere tells nothing."""
_MOST_STEPS: Final = 200_000
"""Lines compared for one text: 20 ms."""
_MARK: Final = re.compile(
    r"\[\.\.\. ([1-9][0-9]{0,8}) lines: the same as (the lines numbered|lines) ([0-9]{1,9})-([0-9]{1,9}) of (.+) above"
    r" \.\.\.\]"
)
_NUMBERED_LINES: Final = "the lines numbered"
_WHOLE: Final = re.compile(r"\[the same as (.+) above\]")


def contents(text: str) -> list[str]:
    """The lines of a text, of a listing without their numbers."""
    if not text.startswith(LEGEND):
        head = text[:_HEAD_CHARS]
        numbers = [int(number) for number in _NUMBER.findall(head)]
        following = sum(one + 1 == other for one, other in zip(numbers, numbers[1:], strict=False))
        if not following or 2 * following < head.count("\n") - 1:
            return text.split("\n")
    return _NUMBER.sub("", text).split("\n")


class ContentsCache:
    """The same, remembered for the texts that come again with every turn; bounded by about `most_bytes`."""

    def __init__(self, most_bytes: int) -> None:
        self._kept: OrderedDict[str, list[str]] = OrderedDict()
        self._left = most_bytes
        self._lock = Lock()

    def of(self, text: str) -> list[str]:
        """The lines; treat them as frozen. From any thread."""
        with self._lock:
            lines = self._kept.pop(text, None)
            if lines is None:
                lines = contents(text)
                self._left -= _cost(text, lines)
                while self._left < 0 and self._kept:
                    self._left += _cost(*self._kept.popitem(last=False))
            self._kept[text] = lines
            return lines


def _cost(text: str, lines: list[str]) -> int:
    """Bytes, about: each line is an object of its own."""
    return 2 * len(text) + 60 * len(lines) + 200


@dataclass(frozen=True, slots=True)
class Earlier:
    """A text that the model is sent before, and what it is called: `result 7 (read_file {"path": "a.py"})`.

    The place is one line, and no two have the same.
    """

    place: str
    text: str
    contents: Callable[[str], list[str]] = field(default=contents, compare=False, repr=False)

    def lines(self) -> list[str]:
        """The lines of the text, of a listing without their numbers."""
        return self.contents(self.text)


@dataclass(frozen=True, slots=True)
class _Run:
    """Lines [start, start + length) of a text that stand in `other` from line `at` on."""

    start: int
    length: int
    other: int
    at: int


def apply(text: str, earlier: Sequence[Earlier]) -> str | None:
    """The text with references to `earlier`; None where nothing is to be gained.

    `undo` gives the text back, with the same `earlier`; that is tried before it is believed. A text that holds such
    marks itself is left alone. About linear in the size of all texts.
    """
    lines = text.split("\n")
    if any(map(_is_mark, lines)) or _WHOLE.fullmatch(text):
        return None
    if (whole := apply_whole(text, earlier)) is not None:
        return whole
    if len(text) < _LEAST_CHARS:
        return None
    made: list[str] = []
    index = 0
    for run in _runs(contents(text), earlier):
        made += lines[index : run.start + 1]
        made.append(_mark(run, earlier[run.other]))
        index = run.start + run.length - 1
    text_made = "\n".join(made + lines[index:])
    return text_made if made and undo(text_made, earlier) == text else None


def apply_whole(text: str, earlier: Sequence[Earlier]) -> str | None:
    """A reference in the place of the whole text, where all of it stands above; else None."""
    if len(text) < _LEAST_WHOLE or _WHOLE.fullmatch(text):
        return None
    for other in reversed(earlier):
        if other.text == text:
            return f"[the same as {other.place} above]"
    return None


def undo(text: str, earlier: Sequence[Earlier]) -> str | None:
    """The text that `apply` was given; None where a reference leads nowhere."""
    by_place = {other.place: other for other in earlier}
    if whole := _WHOLE.fullmatch(text):
        return by_place[whole[1]].text if whole[1] in by_place else None
    given = text.split("\n")
    lines: list[str] = []
    for line, following in zip(given, [*given[1:], ""], strict=True):
        mark = _MARK.fullmatch(line) if _is_mark(line) else None
        if mark is None:
            lines.append(line)
            continue
        other, count = by_place.get(mark[5]), int(mark[1])
        found = _named(other, mark[2], int(mark[3]), int(mark[4])) if other is not None else []
        if not lines or len(found) != count:
            return None
        before, after = _NUMBERED.fullmatch(lines[-1]), _NUMBERED.fullmatch(following)
        if before and after and int(after[1]) - int(before[1]) == count + 1:
            start, width = int(before[1]), len(before[1])
            found = [f"{start + offset:>{width}}{before[2]}{one}" for offset, one in enumerate(found, 1)]
        lines += found
    return "\n".join(lines)


def stands_for(line: str) -> int:
    """How many lines a line of a text with references stands for."""
    mark = _MARK.fullmatch(line) if _is_mark(line) else None
    return int(mark[1]) if mark is not None else 1


def _is_mark(line: str) -> bool:
    return line.startswith("[... ") and line.endswith(" above ...]")


def _mark(run: _Run, other: Earlier) -> str:
    """A reference to the inner lines of a run: by the numbers that they show, where they show any."""
    first, last = run.at + 2, run.at + run.length - 1
    kind = "lines"
    shown = other.text.split("\n")[first - 1 : last]
    head, end = _NUMBERED.fullmatch(shown[0]), _NUMBERED.fullmatch(shown[-1])
    said = other.lines()[first - 1 : last]
    if (
        said[0] != shown[0]
        and head
        and end
        and int(end[1]) - int(head[1]) == last - first
        and _named(other, _NUMBERED_LINES, int(head[1]), int(end[1])) == said
    ):
        kind, first, last = _NUMBERED_LINES, int(head[1]), int(end[1])
    return f"[... {run.length - 2} lines: the same as {kind} {first}-{last} of {other.place} above ...]"


def _named(other: Earlier, kind: str, first: int, last: int) -> list[str]:
    """The lines that a reference names, without their numbers: counted from 1, or by the numbers that they show."""
    lines = other.lines()
    if kind == _NUMBERED_LINES:
        start = next((at for at, line in enumerate(other.text.split("\n")) if _shows(line, first)), -1)
        return lines[start : start + last - first + 1] if start >= 0 else []
    return lines[first - 1 : last] if first >= 1 else []


def _shows(line: str, number: int) -> bool:
    found = _NUMBERED.fullmatch(line)
    return found is not None and int(found[1]) == number


def _runs(said: list[str], earlier: Sequence[Earlier]) -> Iterator[_Run]:
    """The longest runs of lines that stand elsewhere, from the first line on."""
    places, texts = _places(said, earlier)
    steps = index = ended = 0
    while places and index < len(said) and steps < _MOST_STEPS:
        best = _Run(index, 0, 0, 0)
        for other, at in places.get(said[index], ())[-_MOST_PLACES:]:
            lines = texts[other]
            if index > ended and at and lines[at - 1] == said[index - 1]:
                # It was looked at from one line before, and was too short.
                continue
            length, most = 1, min(len(said) - index, len(lines) - at)
            while length < most and said[index + length] == lines[at + length]:
                length += 1
            steps += length
            if length >= best.length:
                best = _Run(index, length, other, at)
        if _is_worth_it(said, best):
            yield best
            index = ended = index + best.length
        else:
            index += 1


def _is_worth_it(said: list[str], run: _Run) -> bool:
    inner = said[run.start + 1 : run.start + run.length - 1]
    return run.length >= _LEAST_LINES and sum(map(len, inner)) >= _LEAST_CHARS


def _places(
    said: list[str], earlier: Sequence[Earlier]
) -> tuple[dict[str, list[tuple[int, int]]], dict[int, list[str]]]:
    """Where each line stands (a text, a line of it), and the lines of those texts."""
    wanted = {line for line in said if len(line) > _TRIVIAL_CHARS}
    places: dict[str, list[tuple[int, int]]] = {}
    texts: dict[int, list[str]] = {}
    for number, other in enumerate(earlier):
        if len(other.text) < _LEAST_CHARS:
            continue
        lines = other.lines()
        shared = wanted.intersection(lines)
        if len(shared) < _LEAST_LINES - 1:
            continue
        texts[number] = lines
        for at, line in enumerate(lines):
            if line in shared:
                places.setdefault(line, []).append((number, at))
    return places, texts
