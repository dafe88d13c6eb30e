"""Plausible prose, the same for the same question."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from .dice import Dice
from .tokens import pieces

_OPENINGS = (
    "You asked about {topic}.",
    "Here is a short answer on {topic}.",
    "About {topic}: this is what matters most.",
    "Let us look at {topic}.",
)
_BODY = (
    "The important part is to measure first and to change one thing at a time.",
    "In most cases {word} depends on the input, so check the edge cases before relying on it.",
    "A small example shows the idea: start with the simplest case, then add what is missing.",
    "Keep {word} separate from the rest, because that makes it easier to test.",
    "There are two common approaches, and both work if {word} is handled with care.",
    "The trade-off is between speed and accuracy, and the right choice depends on the goal.",
    "Note that the result may differ between versions, so write down which one was used.",
    "If something fails, read the message, reproduce it, and then fix the cause rather than the symptom.",
    "A good rule is to keep the state small and the steps explicit.",
    "With {word} in place, the remaining work is mostly routine.",
)
_CLOSINGS = (
    "That should be enough to get started.",
    "Tell me if you want more detail on any of these points.",
    "In short: keep it simple and verify the result.",
)
_RESULTS = (
    "I have looked at the results of {count} tool calls.",
    "Done: {count} tool calls gave what was needed.",
    "After {count} tool calls the picture is clear.",
)
_DIRECTIVE = re.compile(r"\[\[sim:.*?\]\]", re.DOTALL)
_WORD = re.compile(r"[A-Za-z][A-Za-z-]{3,}")
_EXCERPT_CHARS = 80


def excerpt(text: str, limit: int = _EXCERPT_CHARS) -> str:
    """Return the beginning of a text on one line, without directives to the simulation."""
    # Only the beginning is read: a tool result may be megabytes.
    line = " ".join(_DIRECTIVE.sub(" ", text[: limit * 8]).split())
    return line if len(line) <= limit else line[: limit - 3].rstrip() + "..."


def answer(seed: int, question: str, results: Sequence[str] = (), tokens: int | None = None) -> tuple[str, ...]:
    """Return the tokens of an answer to the question: between 30 and 120 of them, or exactly `tokens`."""
    return _compose(seed, excerpt(question), len(results), excerpt(results[-1]) if results else "", tokens)


def filler(seed: int, tokens: int) -> tuple[str, ...]:
    """Return exactly this many tokens of prose about nothing."""
    return _compose(seed, "", 0, "", tokens)


@lru_cache(maxsize=4096)
def _compose(seed: int, topic: str, results: int, last: str, tokens: int | None) -> tuple[str, ...]:
    dice = Dice(seed)
    words = _WORD.findall(topic) or ["this"]
    target = tokens if tokens is not None else dice.between(36, 100)
    sentences: list[str] = []
    if results:
        sentences.append(dice.pick(_RESULTS).format(count=results))
        sentences.append(f'The last one says: "{last}".')
    if topic:
        sentences.append(dice.pick(_OPENINGS).format(topic=f'"{topic}"'))
    split = pieces(" ".join(sentences))
    while len(split) < target:
        sentence = dice.pick(_BODY).format(word=dice.pick(words).lower())
        split += pieces((" " if split else "") + sentence)
    if tokens is not None:
        return tuple(split[:tokens])
    split += pieces(" " + dice.pick(_CLOSINGS))
    return tuple(split[:120])
