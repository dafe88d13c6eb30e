"""The form of the question: options to choose from, parts to answer, formats asked for, files named."""

import re
from collections.abc import Container
from typing import Final

_STATEMENTS: Final = ("statement ", "scenario ", "premise ")
_ROMAN: Final = frozenset({"i", "ii", "iii", "iv", "v"})
_FORMATS: Final = frozenset("json yaml xml csv markdown table html latex tabelle tableau tabla tabella tabela".split())
_FORMAT_PHRASES: Final = ("bullet point", "one word", "single word", "yes or no", "in one sentence")
_ENDING: Final = re.compile(
    r"\.(?:py|js|ts|tsx|jsx|java|go|rs|c|cpp|h|rb|php|cs|kt|swift|sql|sh|ya?ml|json|toml|md|html|css|vue)\b"
)
_MAX_LINES: Final = 150
_LETTERS: Final = "abcdefgh."
"""Options come in their order, each with a blank behind its letter: `a.lock:` in a line of code is none."""
_BULLETS: Final = frozenset("-*•")


def measure(sample: str, words: Container[str]) -> dict[str, float]:
    """Counts over the sampled question, in lower case; `words` are its words."""
    options: list[int] = []
    parts = statements = 0
    lines = sample.split("\n", _MAX_LINES)
    for line in lines:
        head = line[:16].lstrip().lstrip("(")
        if len(head) < 2:
            continue
        if head[1] in ".)" and head[0] == _LETTERS[len(options)] and head[2:3] in (" ", "\t", ""):
            options.append(len(line) - 3)
        elif (
            head[0] in _BULLETS
            and head[1] == " "
            or head[0].isdecimal()
            and head.lstrip("0123456789")[:1] in (".", ")")
        ):
            parts += 1
        elif head.partition(".")[0] in _ROMAN and "." in head:
            statements += 1
    for word in _STATEMENTS:
        if word in sample:
            statements += sum([sample.count(f"{word}{number}") for number in "12345"])
    formats = sum([name in words for name in _FORMATS]) + sum([phrase in sample for phrase in _FORMAT_PHRASES])
    return {
        "options": len(options),
        "option_chars": sum(options) / len(options) if options else 0.0,
        "parts": parts,
        "statements": statements,
        "blanks": sample.count("___"),
        "format": formats,
        "files": _files(sample),
        "lines": len(lines) - 1,
    }


def _files(sample: str) -> int:
    """How many different files are named."""
    found = set()
    for ending in _ENDING.finditer(sample):
        start = max(sample.rfind(" ", 0, ending.start()), sample.rfind("\n", 0, ending.start()))
        found.add(sample[start + 1 : ending.end()][-80:])
    return len(found)
