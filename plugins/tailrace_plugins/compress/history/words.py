"""Facts in a text: words that a later turn may need to the letter. Pure.

Ids, numbers of three digits or more, dates, addresses, paths, names. The evaluation finds them by the same patterns
(`evaluate/facts.py`), so that what is measured is what is kept.
"""

import re
from collections.abc import Iterator
from typing import Any, Final

from tailrace.wire import jsonio

_WORD: Final = re.compile(r"/?\w(?:[\w./@:+#\\-]*\w)?")
_NAME: Final = re.compile(r"[_@/\\]\w|\w\.[A-Za-z]\w")
_DIGIT: Final = re.compile(r"\d")
_TIMESTAMP: Final = re.compile(r"\d{4}-\d\d-\d\dT")
_LETTER: Final = re.compile(r"[^\W\d_]")
_ERROR: Final = re.compile(r"error|exception|traceback|fail(?:ed|ure)|fatal|panic|denied|not found", re.IGNORECASE)
_MOST_LEAVES: Final = 2_000
"""Values of one JSON text that are looked at: nobody sums up a table of more."""
_MOST_CHARS: Final = 6_144
"""Of a text that are looked at, half of them at its end. A summary has room for a few words of each."""
_MOST_FACTS: Final = 200
"""Of one text, most of them from its beginning."""
_LONGEST: Final = 120
"""A longer word is data in base64, not a fact."""
_LEAST_BOTH: Final = 80
_LONGEST_KEY: Final = 40


class Words:
    """Tells facts from other words, and remembers: most words come more than once."""

    def __init__(self) -> None:
        self._known: dict[str, bool] = {}

    def facts(self, text: str) -> list[str]:
        """The facts in a text, each once, in order."""
        known, found = self._known, []
        for word in dict.fromkeys(_WORD.findall(_ends(text))):
            if (is_one := known.get(word)) is None:
                is_one = known[word] = is_fact(word)
            if is_one:
                found.append(word)
        return found if len(found) <= _MOST_FACTS else found[: _MOST_FACTS * 3 // 5] + found[-_MOST_FACTS * 2 // 5 :]

    def told(self, text: str, value: Any = None) -> dict[str, str]:
        """The facts that a result tells, in order, each as it may be written: a number with the name it has in JSON."""
        if value is None:
            return {word: word for word in self.facts(text)}
        found: dict[str, str] = {}
        for key, leaf in leaves(value):
            if type(leaf) is str:
                for word in self.facts(leaf) if leaf else ():
                    found.setdefault(word, word)
            elif is_fact(word := str(leaf)):
                # Any text may be a name in JSON, but only a plain one is written into a line.
                found.setdefault(word, f"{key} {word}" if key.isidentifier() and len(key) <= _LONGEST_KEY else word)
            if len(found) >= 2 * _MOST_FACTS:
                break
        return found


def is_fact(word: str) -> bool:
    """Whether a later turn may need this word to the letter."""
    if not 3 <= len(word) <= _LONGEST:
        return False
    if word.isalpha():
        return word[0].isupper()
    if _DIGIT.search(word):
        return _LETTER.search(word) is not None or len(_DIGIT.findall(word)) >= 3
    return word[0].isupper() or _NAME.search(word) is not None


def weight(word: str) -> float:
    """How much rather one kind of fact is needed again than another: ids are what calls are made with."""
    if word.isalpha():
        return 0.8
    if _LETTER.search(word) is None:
        return 0.8 if word.isdecimal() else 1.0
    # The T of a timestamp makes no id of it.
    return 2.0 if _DIGIT.search(word) and not _TIMESTAMP.match(word) else 1.0


def parsed(text: str) -> Any:
    """What a JSON object or list says; None for any other text."""
    if text.lstrip()[:1] not in ("{", "["):
        return None
    try:
        return jsonio.loads(text)
    except jsonio.BadJson:
        return None


def leaves(value: Any) -> Iterator[tuple[str, Any]]:
    """The texts and numbers in a JSON value with the name that each has, in order; a name that is a fact is one too."""
    todo: list[tuple[str, Any]] = [("", value)]
    left = _MOST_LEAVES
    while todo and left:
        key, one = todo.pop()
        kind = type(one)
        if kind is dict:
            # Names that are ids ("credit_card_4421486": {...}) have digits; "payment_id" does not.
            for name, member in reversed(one.items()):
                todo.append((name, member))
                if not name.isalpha() and len(_DIGIT.findall(name)) >= 3:
                    todo.append(("", name))
        elif kind is list:
            todo.extend((key, member) for member in reversed(one))
        elif one is not None and kind is not bool:
            left -= 1
            yield key, one


def error_line(text: str) -> str:
    """The first line that tells of an error, "" where none does."""
    found = _ERROR.search(text, 0, _MOST_CHARS)
    if found is None:
        return ""
    start = text.rfind("\n", 0, found.start()) + 1
    end = text.find("\n", found.end())
    return text[max(start, found.start() - 80) : end if end >= 0 else None].strip()


def first_line(text: str) -> str:
    """The first line with a word in it."""
    found = re.search(r"\w", text[:_MOST_CHARS])
    if found is None:
        return ""
    start = text.rfind("\n", 0, found.start()) + 1
    end = text.find("\n", found.end())
    return text[start : end if end >= 0 else None].strip()


def shorten(text: str, width: int) -> str:
    """A text on one line of at most `width` characters: its beginning, and its end where there is room for both.

    Cut between words: half an id is a wrong one.
    """
    if width <= 0:
        return ""
    if len(text) > 6 * width:
        text = f"{text[: 4 * width]} … {text[-2 * width :]}"
    line = " ".join(text.split())
    if len(line) <= width:
        return line
    tail = width // 3 if width >= _LEAST_BOTH else 0
    start, end = line[: width - tail - 2], line[len(line) - tail :] if tail else ""
    if not line[len(start)].isspace():
        start = start.rpartition(" ")[0] or ("" if _DIGIT.search(start) else start)
    if end and not line[-tail - 1].isspace():
        end = end.partition(" ")[2]
    return f"{start.rstrip()}… {end}".rstrip()


def _ends(text: str) -> str:
    half = _MOST_CHARS // 2
    return text if len(text) <= _MOST_CHARS else f"{text[:half]} {text[-half:]}"
