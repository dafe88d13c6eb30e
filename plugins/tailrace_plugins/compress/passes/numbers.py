"""Listings with every fifth line's number only: the lines between follow it by one each.

Measured on 40 Python files: a number and its tab are three tokens of about twelve in a line.
"""

import re
from typing import Final

_NUMBERED: Final = re.compile(r"( *)([0-9]{1,9})([\t\u2192])(.*)", re.DOTALL)
_EVERY: Final = 5
_LEAST: Final = 20
"""Numbered lines in a row that are worth it."""
LEGEND: Final = "[lines are numbered in fives; those between follow by one each]"


def apply(text: str) -> str | None:
    """The text with fewer numbers and a legend above; None where there is nothing to gain, or `undo` would not give it
    back. The first and the last line of each part of a listing keep theirs.
    """
    lines = text.split("\n")
    made: list[str] = [LEGEND]
    run: list[re.Match[str]] = []
    gained = False
    for line in [*lines, ""]:
        found = _NUMBERED.fullmatch(line) if len(made) + len(run) <= len(lines) else None
        if found and (not run or int(found[2]) == int(run[-1][2]) + 1):
            run.append(found)
            continue
        gained |= len(run) >= _LEAST
        made += _thinned(run)
        run = [found] if found else []
        if not found:
            made.append(line)
    whole = "\n".join(made[:-1])
    return whole if gained and len(whole) < len(text) and undo(whole) == text else None


def undo(text: str) -> str:
    """What `apply` was given; a text without the legend as it is."""
    if not text.startswith(LEGEND + "\n"):
        return text
    lines: list[str] = []
    before: re.Match[str] | None = None
    waiting: list[str] = []
    for line in text.split("\n")[1:]:
        found = _NUMBERED.fullmatch(line)
        if not found:
            waiting.append(line)
            continue
        if before and int(found[2]) - int(before[2]) == len(waiting) + 1:
            start, width = int(before[2]), len(before[1]) + len(before[2])
            waiting = [f"{start + at:>{width}}{before[3]}{one}" for at, one in enumerate(waiting, 1)]
        lines += [*waiting, line]
        before, waiting = found, []
    return "\n".join(lines + waiting)


def _thinned(run: list[re.Match[str]]) -> list[str]:
    if len(run) < _LEAST:
        return [one[0] for one in run]
    return [one[0] if at in (0, len(run) - 1) or int(one[2]) % _EVERY == 0 else one[4] for at, one in enumerate(run)]
