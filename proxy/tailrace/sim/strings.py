"""Strings that look right for the property they fill."""

from __future__ import annotations

import re

from .dice import Dice

# By what a property's name contains, or by the name of a JSON schema format; the first that fits decides.
_BANKS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("date-time", ("2025-01-15T09:30:00Z", "2025-03-02T18:05:10Z", "2024-11-30T00:00:00Z")),
    ("duration", ("PT30S", "PT5M", "P1D")),
    ("date", ("2025-01-15", "2025-03-02", "2024-11-30")),
    ("timezone", ("UTC", "Europe/Oslo", "Asia/Tokyo")),
    ("time", ("09:30:00Z", "18:05:10Z", "00:00:00Z")),
    ("email", ("ada@example.com", "grace@example.org", "alan@example.net")),
    ("hostname", ("example.com", "api.example.org")),
    ("ipv4", ("192.0.2.1", "198.51.100.7")),
    ("ipv6", ("2001:db8::1", "2001:db8::7")),
    ("uuid", ("6f1e2a54-0c1b-4c3e-9a57-2b1d7c9e4f10", "0b7c2f7e-51f4-4d38-8d6e-94e0c1a2b3d4")),
    ("ur", ("https://example.com/docs/guide", "https://example.org/api/status", "https://example.net/")),
    ("path", ("src/main.py", "src/config.py", "README.md", "tests/test_main.py", "docs/usage.md", "src/cache.py")),
    ("file", ("src/main.py", "src/config.py", "README.md", "tests/test_main.py", "docs/usage.md", "src/cache.py")),
    ("dir", ("src", "tests", "docs", ".")),
    ("command", ("ls -la", "git status", "python -m pytest -q", "cat README.md", "git log --oneline -5")),
    ("cmd", ("ls -la", "git status", "python -m pytest -q", "cat README.md")),
    ("pattern", ("def main", "TODO", "class .*Error", "import os")),
    ("regex", ("def main", "TODO", "[a-z]+")),
    ("code", ("print('hello')", "x = [n * n for n in range(10)]\nprint(x)", "import math\nprint(math.pi)")),
    ("sql", ("SELECT id, name FROM users LIMIT 10", "SELECT count(*) FROM orders")),
    ("city", ("Oslo", "Lisbon", "Nairobi", "Kyoto", "Lima", "Paris")),
    ("location", ("Oslo, Norway", "Lisbon, Portugal", "Kyoto, Japan", "Paris, France")),
    ("country", ("Norway", "Portugal", "Japan", "Peru")),
    ("unit", ("celsius", "metric")),
    ("currency", ("EUR", "USD", "JPY")),
    ("lang", ("en", "de", "ja")),
    ("name", ("Ada Lovelace", "Grace Hopper", "Alan Turing", "Edsger Dijkstra")),
    ("phone", ("+1-202-555-0143", "+44 20 7946 0958")),
    ("symbol", ("ACME", "INIT", "CORP")),
    ("color", ("blue", "green", "#336699")),
    ("id", ("a1b2c3", "item-17", "user-42", "order-1001")),
)
_OTHERS = ("the first section", "the latest version", "a short summary", "all open points", "the main result")
_ABOUT = ("query", "question", "q", "search", "term", "prompt", "topic", "message", "text", "content", "input")
_TOKEN = re.compile(r"[A-Za-z][A-Za-z-]{2,}")


def plausible(name: str, dice: Dice, topic: str = "") -> str:
    """Return a likely value for a string property of this name, or of this JSON schema format."""
    low = name.lower()
    if low in _ABOUT:
        words = _TOKEN.findall(topic[:400])
        if words:
            first = dice.below(len(words))
            return " ".join(words[first : first + 1 + dice.below(4)])
    for part, bank in _BANKS:
        if part in low:
            return dice.pick(bank)
    return dice.pick(_OTHERS)


def with_pattern(pattern: str, dice: Dice) -> str:
    """Return a string for the common part of regular expressions: literals, classes, groups, choices, repetition.

    Look-around and back-references are skipped over, so such a pattern may not be met. Nothing is ever matched:
    a hostile pattern would stall the loop.
    """
    made, _ = _choice(pattern, 0, dice)
    return made


_CLASSES = {"d": "0123456789", "w": "abcdefghij", "s": " ", "D": "abc", "W": "-.", "S": "abc"}


def _choice(pattern: str, at: int, dice: Dice) -> tuple[str, int]:
    """Read alternatives up to the closing parenthesis or the end, and return the first."""
    options: list[str] = []
    while True:
        made, at = _sequence(pattern, at, dice)
        options.append(made)
        if at >= len(pattern) or pattern[at] != "|":
            return options[0], at
        at += 1


def _sequence(pattern: str, at: int, dice: Dice) -> tuple[str, int]:
    out: list[str] = []
    while at < len(pattern) and pattern[at] not in "|)":
        bank, at = _atom(pattern, at, dice)
        least, most, at = _repeat(pattern, at)
        out.extend(dice.pick(bank) for _ in range(min(max(least, min(most, 1)), 1000)) if bank)
    return "".join(out), at


def _atom(pattern: str, at: int, dice: Dice) -> tuple[list[str], int]:
    """Return the strings the next atom may be, and where it ends."""
    mark = pattern[at]
    if mark in "^$":
        return [], at + 1
    if mark == ".":
        return list("abcdefgh"), at + 1
    if mark == "\\" and at + 1 < len(pattern):
        letter = pattern[at + 1]
        return ([] if letter in "bBAZ" else list(_CLASSES.get(letter, letter))), at + 2
    if mark == "[":
        return _bracket(pattern, at + 1)
    if mark == "(":
        ahead = pattern.startswith(("(?=", "(?!", "(?<=", "(?<!"), at)
        named = re.match(r"\(\?(?:P?<\w+>|:|=|!|<=|<!)", pattern[at : at + 40])
        made, at = _choice(pattern, at + (named.end() if named else 1), dice)
        return ([] if ahead else [made]), at + 1
    return [mark], at + 1


def _bracket(pattern: str, at: int) -> tuple[list[str], int]:
    negated = pattern.startswith("^", at)
    at += negated
    members: list[str] = []
    while at < len(pattern) and (pattern[at] != "]" or not members):
        if pattern[at] == "\\" and at + 1 < len(pattern):
            members.extend(_CLASSES.get(pattern[at + 1], pattern[at + 1]))
            at += 2
        elif at + 2 < len(pattern) and pattern[at + 1] == "-" and pattern[at + 2] != "]":
            low, high = ord(pattern[at]), ord(pattern[at + 2])
            members.extend(chr(code) for code in range(low, min(high, low + 63) + 1))
            at += 3
        else:
            members.append(pattern[at])
            at += 1
    if negated:
        members = [char for char in "abcdefghijklmnopqrstuvwxyz0123456789-_ " if char not in members] or ["x"]
    return members, at + 1


def _repeat(pattern: str, at: int) -> tuple[int, int, int]:
    """Return the least and the most repetitions of the atom before, and where the quantifier ends."""
    least, most = 1, 1
    if at < len(pattern) and pattern[at] in "*+?":
        least, most = {"*": (0, 1), "+": (1, 2), "?": (0, 1)}[pattern[at]]
        at += 1
    elif found := re.match(r"\{(\d+)(,?)(\d*)\}", pattern[at : at + 24]):
        least = int(found[1])
        most = int(found[3]) if found[3] else least
        at += found.end()
    else:
        return 1, 1, at
    return least, most, at + (at < len(pattern) and pattern[at] in "?+")
