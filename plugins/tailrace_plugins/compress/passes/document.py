"""JSON read so that nothing of its spelling is lost: numbers digit for digit, every key of every object."""

import re
from dataclasses import dataclass
from typing import Any, Final

from tailrace.wire import jsonio

MARK: Final = "\ue000"
"""Stands before a number's spelling in what `Document.spelled` returns."""

_MARK_ESCAPED: Final = re.compile(r"\\u[eE]000")
_NEXT: Final = "\n"
_NUMBER: Final = re.compile(r"-?[0-9][0-9.eE+-]*")
_ESCAPED: Final = re.compile(r"\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})|\\u([0-9a-fA-F]{4})|\\/")
# In JSON no string holds a raw control character, so these can stand for the escapes that would end one.
_BACKSLASH: Final = "\x00"
_QUOTE: Final = "\x01"
_STRING: Final = "\x02"


@dataclass(frozen=True, slots=True)
class Document:
    """One JSON text, or JSON lines, which are one list.

    `compact` spells the same without insignificant whitespace, and with readable characters instead of their escapes.
    """

    compact: str
    lines: bool

    def spelled(self) -> Any:
        """The value, in which a number is a string, MARK and then its spelling: 1.0, 1 and 1e0 are three values."""
        outside, strings = _split(self.compact)
        marked = _join(_NUMBER.sub(rf'"{MARK}\g<0>"', outside), strings)
        return [jsonio.loads(row) for row in marked.split(_NEXT)] if self.lines else jsonio.loads(marked)


def read(text: str) -> Document | None:
    """The document that the whole text is, with blanks around it; None for anything else.

    None, too, for duplicate keys (readers differ on what they mean), for what `jsonio` refuses, for a value that is
    neither object nor list, and for a text that holds MARK itself.
    """
    text = text.strip(" \t\r\n")
    if text[:1] not in ("{", "[") or text[-1] not in "}]" or MARK in text or _MARK_ESCAPED.search(text):
        return None
    value = _loads(text)
    lines = value is None
    if lines:
        rows = text.split(_NEXT)
        if not all(row[:1] in ("{", "[") for row in rows):
            return None
        value = [_loads(row) for row in rows]
        if None in value:
            return None
    outside, strings = _split(text)
    # Outside of strings a colon always follows a key.
    if _keys(value) != outside.count(":"):
        return None
    kept = outside.encode().translate(None, b" \t\r" if lines else b" \t\r\n").decode()
    return Document(_join(kept, strings, readable=True), lines)


def _loads(text: str) -> Any:
    try:
        return jsonio.loads(text)
    except jsonio.BadJson:
        return None


def _split(text: str) -> tuple[str, list[str]]:
    """What stands outside of strings, a _STRING in place of each, and the strings without their quotes."""
    parts = text.replace("\\\\", _BACKSLASH).replace('\\"', _QUOTE).split('"')
    return _STRING.join(parts[::2]), parts[1::2]


def _join(outside: str, strings: list[str], *, readable: bool = False) -> str:
    parts = outside.split(_STRING)
    whole = [""] * (len(parts) + len(strings))
    whole[::2] = parts
    whole[1::2] = strings
    text = '"'.join(whole)
    if readable and ("\\u" in text or "\\/" in text):
        text = _ESCAPED.sub(_readable, text)
    return text.replace(_QUOTE, '\\"').replace(_BACKSLASH, "\\\\")


def _readable(found: re.Match[str]) -> str:
    high, low, single = found.groups()
    if high:
        character = chr(0x10000 + ((int(high, 16) - 0xD800) << 10) + int(low, 16) - 0xDC00)
    elif single:
        character = chr(int(single, 16))
    else:
        return "/"
    # What is not printable, and what would end the string, stays as it is spelled.
    return character if character.isprintable() and character not in '"\\' else found.group()


def _keys(value: Any) -> int:
    keys = 0
    level = [value]
    while level:
        keys += sum(len(container) for container in level if type(container) is dict)
        level = [
            member
            for container in level
            for member in (container.values() if type(container) is dict else container)
            if type(member) is dict or type(member) is list
        ]
    return keys
