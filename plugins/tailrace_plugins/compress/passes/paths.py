"""Lists of paths with each folder named once, as `find`, `git ls-files` and editors' views of folders print them.

Measured on `git ls-files` of this repository: see the test of the evaluation; the names under a folder are indented by
one blank.
"""

import re
from itertools import groupby
from typing import Final

_PATH: Final = re.compile(r"(?=[^\s]*[A-Za-z])([^\s:\"'<>|]{1,400}/)([^\s/:\"'<>|]{1,200}/?)")
_LEAST: Final = 3
"""Paths of one folder in a row that are worth a heading."""


def apply(text: str) -> str | None:
    """The text with folders as headings; None where there is nothing to gain, or `undo` would not give it back."""
    if text.count("/") < 2 * _LEAST:
        return None
    lines = text.split("\n")
    made: list[str] = []
    for folder, run in groupby(lines, key=_folder):
        block = list(run)
        if folder and len(block) >= _LEAST:
            made.append(folder)
            made += [f" {line[len(folder) :]}" for line in block]
        else:
            made += block
    whole = "\n".join(made)
    return whole if len(whole) < len(text) and undo(whole) == text else None


def undo(text: str) -> str:
    """What `apply` was given."""
    lines: list[str] = []
    folder = ""
    given = text.split("\n")
    for line, following in zip(given, [*given[1:], ""], strict=True):
        if folder and line.startswith(" "):
            lines.append(folder + line[1:])
        elif line.endswith("/") and following.startswith(" "):
            folder = line
        else:
            folder = ""
            lines.append(line)
    return "\n".join(lines)


def _folder(line: str) -> str:
    found = _PATH.fullmatch(line)
    return found[1] if found else ""
