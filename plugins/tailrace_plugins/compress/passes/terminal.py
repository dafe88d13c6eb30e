"""Terminal output as it stands in the end: no colours, no bars that were written over, equal lines once and counted."""

import re
from itertools import groupby
from typing import Final

from tailrace_plugins.compress.passes.screen import has_controls, shown

_FOLDED: Final = re.compile(r"\[\.\.\. the line above ([1-9][0-9]{0,8}) times more\]")
_FOLDED_HERE: Final = re.compile(rf"^{_FOLDED.pattern}[ \t\r]*$", re.MULTILINE)
_EQUAL: Final = 8
"""Equal lines in a row that speak for a log, where no control does."""
_EQUAL_IN_TERMINAL: Final = 3
_VERBATIM: Final = re.compile(r"^(?:diff --git |@@ |--- |\+\+\+ |```|~~~)", re.MULTILINE)
_LOG_LINE: Final = re.compile(r"[\w\[(<:.][^,;|\t]*(?:[,;|\t][^,;|\t]*)?")
"""Neither indented nor a row of a file: at most one of the characters that part columns."""
_CODED: Final = re.compile(r"[A-Za-z0-9+/=_-]{32,}")


def apply(text: str) -> str | None:
    """The text as a terminal would show it; None for what is no terminal output, and where that is not shorter.

    Equal lines are folded only where they look like a log's, never in diffs, or next to fenced blocks: `unfold` gives
    them back. A text that holds the mark of a fold already is left alone.
    """
    seen = settled(text)
    if _FOLDED_HERE.search(seen):
        return None
    made = fold(seen, _EQUAL_IN_TERMINAL if has_controls(text) else _EQUAL)
    return made if len(made) < len(text) else None


def settled(text: str) -> str:
    """What a terminal shows of it in the end; the text itself where nothing speaks for a terminal."""
    return shown(text) if has_controls(text) else text


def fold(text: str, least: int) -> str:
    """The text with runs of `least` or more equal log lines as one, and a mark that counts the others."""
    if _FOLDED_HERE.search(text) or _VERBATIM.search(text):
        return text
    lines = text.split("\n")
    if not any(map(str.__eq__, lines, lines[1:])):
        return text
    folded: list[str] = []
    for line, run in groupby(lines):
        times = sum(1 for _ in run)
        if times >= least and _is_log(line):
            folded += [line, f"[... the line above {times - 1} times more]"]
        else:
            folded += [line] * times
    return "\n".join(folded)


def unfold(text: str) -> str:
    """What `fold` was given."""
    lines: list[str] = []
    for line in text.split("\n"):
        mark = _FOLDED.fullmatch(line)
        lines += [lines[-1]] * int(mark[1]) if mark and lines else [line]
    return "\n".join(lines)


def _is_log(line: str) -> bool:
    if not any(character.isalpha() for character in line):
        return False
    return _LOG_LINE.fullmatch(line) is not None and _CODED.fullmatch(line) is None
