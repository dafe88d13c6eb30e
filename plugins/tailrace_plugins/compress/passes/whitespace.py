"""Blanks at line ends and long runs of empty lines, where nothing hangs on them."""

import re
from typing import Final

_MATTERS: Final = re.compile(
    r"^(?:[ \t]+\S|```|~~~|#|>|\||[-*+] |\d+[.)] |diff --git |@@ |[-+])"  # indented, Markdown, diffs
    r"|^(?:import|from|def|class|function|const|let|var|package|using|public|private|return|if|for|while) "
    r"|[;{}\\]$"
    r"|^[ \t]*\d+[:|\t\u2192]",  # a listing with line numbers
    re.MULTILINE,
)
_EMPTY_LINES: Final = re.compile(r"\n{4,}")


def apply(text: str) -> str | None:
    """The text without blanks at line ends, at most two empty lines in a row; None where that is not shorter.

    Stands aside at the first line that is indented or looks like code, Markdown, a diff or a listing: there blanks may
    be data, and an agent that edits the file needs them as they are.
    """
    made = squeeze(text)
    return made if len(made) < len(text) and not _MATTERS.search(text) else None


def squeeze(text: str) -> str:
    """The text without blanks at line ends, at most two empty lines in a row."""
    trimmed = "\n".join([line.rstrip(" \t") for line in text.split("\n")])
    return _EMPTY_LINES.sub("\n\n\n", trimmed)
