"""Facts that a conversation goes on to use: are they still in what the model was given?

A fact is what an answer or a call repeats from a tool's result before it: an id, a number of three digits or more, a
date, an address, a path, a name, or a line that tells of an error.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tailrace.wire import jsonio
from tailrace_plugins.compress.evaluate.texts import calls, content

_WORD: Final = re.compile(r"/?\w(?:[\w./@:+#\\-]*\w)?")
_NAME: Final = re.compile(r"[_@/\\]\w|\w\.[A-Za-z]\w")
"""In names of things, addresses, paths and files."""
_ERROR: Final = re.compile(r"error|exception|traceback|fail(?:ed|ure)|fatal|panic", re.IGNORECASE)
_SENTENCE: Final = re.compile(r"(?:^|[.!?:;\n\"'`*#>|(-])\s*\b[A-Z][a-z']*(?![\w./@:+#\\-]*\w)")
"""A word at the beginning of a sentence, which has its capital from there."""
_LEAST_LINE: Final = 12


@dataclass(frozen=True, slots=True)
class Kept:
    """Of the facts that were `used`, how many were there to be used."""

    used: int = 0
    kept: int = 0
    lost: tuple[str, ...] = ()
    asked: int = 0
    """Of those that were kept, the ones that the model had to ask the proxy for."""

    def __add__(self, other: "Kept") -> "Kept":
        return Kept(self.used + other.used, self.kept + other.kept, self.lost + other.lost, self.asked + other.asked)


class Facts:
    """Compares what results said with what was sent of them, for one conversation."""

    def __init__(self) -> None:
        self._read: dict[str, frozenset[str]] = {}

    def check(self, answer: Mapping[str, Any], results: Sequence[str], texts: Sequence[str]) -> Kept:
        """The facts of `results` that the answer uses, and whether they stand in any of `texts`: what was sent, and
        what it decodes to where that is known to be equal.
        """
        wanted = self._used(answer, results)
        there: set[str] = set()
        for text in texts:
            there |= self._facts(text)
        lost = [fact for fact in sorted(wanted - there) if not any(stands(fact, text) for text in texts)]
        return Kept(len(wanted), len(wanted) - len(lost), tuple(lost))

    def _used(self, answer: Mapping[str, Any], results: Sequence[str]) -> set[str]:
        told = [text for _, arguments in calls(answer) for text in (arguments, *_leaves(arguments))]
        said = [content(answer), *told]
        wanted = {word for text in told for word in _words(text)} | set(_words(_SENTENCE.sub("", content(answer))))
        known: set[str] = set()
        for result in results:
            known |= self._facts(result)
        lines = {fact for fact in known if " " in fact and any(fact in text for text in said)}
        return (wanted & known) | lines

    def _facts(self, text: str) -> frozenset[str]:
        if text not in self._read:
            plain = [text, *_leaves(text)]
            words = {word for one in plain for word in _words(one)}
            self._read[text] = frozenset(words | {line for one in plain for line in _errors(one)})
        return self._read[text]


def stands(fact: str, text: str) -> bool:
    """Whether a text has a fact."""
    return re.search(rf"(?<!\w){re.escape(fact)}(?!\w)", text) is not None


def _words(text: str) -> Iterator[str]:
    for word in _WORD.findall(text):
        if _is_fact(word):
            yield word
        # `main.py:12` is about main.py.
        yield from (part for part in word.split(":")[:-1] if _is_fact(part))


def _is_fact(word: str) -> bool:
    digits = sum(c.isdigit() for c in word)
    if digits:
        return digits >= 3 or (digits < len(word) >= 3 and any(c.isalpha() for c in word))
    return (len(word) >= 3 and word[0].isupper()) or _NAME.search(word) is not None


def _errors(text: str) -> Iterator[str]:
    for line in text.splitlines():
        short = line.strip()
        if len(short) >= _LEAST_LINE and " " in short and _ERROR.search(short):
            yield short


def _leaves(text: str) -> Iterable[str]:
    """Every text in a JSON text, keys and numbers included, as it reads without JSON's escapes."""
    try:
        todo = [jsonio.loads(text)]
    except jsonio.BadJson:
        return
    while todo:
        value = todo.pop()
        if isinstance(value, dict):
            yield from value
            todo.extend(value.values())
        elif isinstance(value, list):
            todo.extend(value)
        elif isinstance(value, str):
            yield value
        elif value is not None and not isinstance(value, bool):
            yield str(value)
