"""What a terminal shows in the end of what was written to it (ECMA-48, as far as build tools use it)."""

import re
import unicodedata
from typing import Final

_COLOURS: Final = re.compile(
    r"\x1b\[[0-9;:]*m|\x1b\][^\x07\x1b]{0,4096}(?:\x07|\x1b\\)|\x1b\[\?(?:25|2004)[hl]|\x1b\(B|\x07"
)
"""What moves nothing: colours, titles and links, the cursor's looks, the bell."""
_CONTROL: Final = re.compile(r"\x1b\[(?P<number>[0-9]{0,4})(?P<final>[A-GJK])|(?P<other>[\r\x08\x1b\x0b\x0c\x0e\x0f])")
_OVERWRITE: Final = re.compile(r"\r[^\r\n]")
_PROGRESS: Final = re.compile(
    r"[0-9]\s?%|[0-9]\s?/\s?[0-9]|[#=>.\-\u2588\u2593\u2592\u2591]{4}|[0-9]\s?[kKMG]?i?B\b|\bETA\b|[\u2800-\u28ff]"
    r"|^\s*(?:[|/\\-]|$)|[|/\\-]\s*$"
)
_MOST_CONTROLS: Final = 50_000
_FARTHEST: Final = 300
"""Columns left empty by movements."""


class _Unsupported(Exception):
    """A control whose effect depends on the size of the screen, or on what is not known here."""


def has_controls(text: str) -> bool:
    """Whether it was written to a terminal: colours, movements, lines written over."""
    return "\x1b" in text or "\x08" in text or _OVERWRITE.search(text) is not None


def shown(text: str) -> str:
    """The lines that stand there in the end, without blanks at their ends.

    Lines are never wrapped. Where a control needs the size of the screen only colours are taken away, and so where
    nothing but bare carriage returns speaks for a terminal and what they write over is no progress: that may be a file
    of old.
    """
    plain = _COLOURS.sub("", text)
    rows = plain.split("\n")
    if has_controls(plain):
        try:
            rows = _Screen(careful="\x1b" not in text).write(rows)
        except _Unsupported:
            pass
    return "\n".join([row.rstrip(" \t\r") for row in rows])


class _Screen:
    def __init__(self, *, careful: bool) -> None:
        self.rows: list[str | list[str]] = [""]
        self.row = 0
        self.column = 0
        self.wide: set[int] = set()
        self.careful = careful
        self.controls = 0

    def write(self, lines: list[str]) -> list[str]:
        for index, line in enumerate(lines):
            if index:
                self.row += 1
                self.column = 0
                if self.row == len(self.rows):
                    self.rows.append("")
            line = line.rstrip("\r")
            if self.rows[self.row] or _CONTROL.search(line):
                self.line(line)
            else:
                self.rows[self.row] = line
                self.column = len(line)
                if line and not _is_narrow(line):
                    self.wide.add(self.row)
        return [row if isinstance(row, str) else "".join(row) for row in self.rows]

    def line(self, line: str) -> None:
        if self.careful and not all(map(_PROGRESS.search, line.split("\r")[:-1])):
            raise _Unsupported
        start = 0
        for control in _CONTROL.finditer(line):
            self.put(line[start : control.start()])
            self.control(control)
            start = control.end()
        self.put(line[start:])

    def put(self, text: str) -> None:
        if not text:
            return
        row = self.editable()
        end = self.column + len(text)
        narrow = _is_narrow(text)
        if self.column < len(row) and not (narrow and self.row not in self.wide):
            raise _Unsupported
        if self.column - len(row) > _FARTHEST:
            raise _Unsupported
        if not narrow:
            self.wide.add(self.row)
        if self.column > len(row):
            row.extend(" " * (self.column - len(row)))
        row[self.column : end] = text
        self.column = end

    def editable(self) -> list[str]:
        row = self.rows[self.row]
        if isinstance(row, str):
            row = self.rows[self.row] = list(row)
        return row

    def control(self, control: re.Match[str]) -> None:
        self.controls += 1
        number, final, other = control.group("number", "final", "other")
        if self.controls > _MOST_CONTROLS:
            raise _Unsupported
        if other == "\r":
            self.column = 0
        elif other == "\x08":
            self.column = max(0, self.column - 1)
        elif other:
            raise _Unsupported
        elif final in "JK":
            self.erase(final, int(number or 0))
        else:
            self.move(final, max(1, int(number or 1)))

    def move(self, final: str, by: int) -> None:
        if final in "ABEF":
            self.row += by if final in "BE" else -by
            # Above is what scrolled away, below what the size of the screen decides.
            if not 0 <= self.row < len(self.rows):
                raise _Unsupported
        if final == "C":
            self.column += by
        elif final == "D":
            self.column = max(0, self.column - by)
        elif final in "EFG":
            self.column = by - 1 if final == "G" else 0

    def erase(self, final: str, how: int) -> None:
        if how == 0:
            del self.editable()[self.column :]
            if final == "J":
                del self.rows[self.row + 1 :]
        elif final == "K" and how == 2:
            self.rows[self.row] = []
        else:
            raise _Unsupported
        if not self.rows[self.row]:
            self.wide.discard(self.row)


def _is_narrow(text: str) -> bool:
    """Whether each character takes one column."""
    if text.isascii():
        return text.isprintable()
    return not any(unicodedata.east_asian_width(character) in "WF" or not character.isprintable() for character in text)
