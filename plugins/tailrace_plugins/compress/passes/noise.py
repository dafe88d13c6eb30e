"""Lines of a test run or a build that say only that nothing went wrong. Lossy."""

import re
from collections.abc import Sequence
from itertools import groupby
from typing import Final

_FINE: Final = re.compile(
    r"\S+::\S+ PASSED\b.*|[\w./-]+\.py \.+\s+\[ *[0-9]+%\]"  # pytest
    r"|\s*[\u2713\u2714\u221a] .+|PASS \S+.*"  # jest, mocha
    r"|\s*--- PASS: .+|=== (?:RUN|PAUSE|CONT)\b.*|ok\s+\S+\s+(?:[0-9.]+s|\(cached\)).*"  # go
    r"|test \S+ \.\.\. ok|\s*(?:Compiling|Downloaded|Downloading|Checking|Fresh) \S+ v[0-9]\S*.*"  # cargo
    r"|\[INFO\] (?:Downloading|Downloaded) from .*"  # maven
    r"|> Task :\S+(?: UP-TO-DATE| NO-SOURCE| FROM-CACHE)?|.+ > .+ PASSED|Download https?://\S+"  # gradle
    r"|npm (?:http|timing|sill|verb) .*"
    r"|(?:Collecting|Requirement already satisfied:|\s+Downloading|\s+Using cached|\s+Preparing metadata) .*"  # pip
    r"|[0-9a-f]{12}: (?:Pulling fs layer|Waiting|Verifying Checksum|Download complete|Pull complete|Already exists)"
)
_TELLS: Final = re.compile(
    r"error|fail|warn|except|panic|fatal|traceback|denied|refused|cannot|not found|time[ds]? ?out|exit|skip|xfail|"
    r"deprecat|vulnerab|conflict",
    re.IGNORECASE,
)
_LEAST: Final = 4
"""Lines in a row that are worth a mark."""


def fine(lines: Sequence[str]) -> list[bool]:
    """Which lines may be left out: runs of four or more that say so. A line with any word of trouble in it stays,
    whatever else it says, and so do summaries and exit codes: they are not among the patterns.
    """
    found: list[bool] = []
    for is_fine, run in groupby(lines, key=_is_fine):
        count = sum(1 for _ in run)
        found += [is_fine and count >= _LEAST] * count
    return found


def _is_fine(line: str) -> bool:
    line = line.rstrip()
    return len(line) < 400 and _FINE.fullmatch(line) is not None and _TELLS.search(line) is None
