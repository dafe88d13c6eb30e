"""Lines of a test run or a build that say only that nothing went wrong. Lossy."""

import re
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


def apply(text: str) -> str | None:
    """The text with runs of such lines as one mark that counts them; None where there is none.

    A line with any word of trouble in it stays, whatever else it says, and so do summaries and exit codes: they are
    not among the patterns.
    """
    lines = text.split("\n")
    kept: list[str] = []
    for fine, run in groupby(lines, key=_is_fine):
        block = list(run)
        if fine and len(block) >= _LEAST:
            kept.append(f"[... {len(block)} lines of passing tests or finished steps left out]")
        else:
            kept += block
    made = "\n".join(kept)
    return made if len(made) < len(text) else None


def _is_fine(line: str) -> bool:
    line = line.rstrip()
    return len(line) < 400 and _FINE.fullmatch(line) is not None and _TELLS.search(line) is None
