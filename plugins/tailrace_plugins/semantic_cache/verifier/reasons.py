"""Names the difference that made a pair differ, for people who read why a request missed."""

from collections.abc import Sequence
from typing import Final

from tailrace_plugins.semantic_cache.verifier.words import NEGATORS, Word

_DIRECTIONS: Final = frozenset(
    "before after more less from to over under above below up down increase decrease import export upload download "
    "encode decode encrypt decrypt lend borrow buy sell max min first last north south east west left right in out "
    "enable disable start stop open close add remove public private".split()
)
_QUESTIONS: Final = frozenset("what why when where who which how whose whom".split())


def why_not(one: Sequence[Word], other: Sequence[Word]) -> str:
    """The likeliest reason, one of `verdict.REASONS`, why two texts that could not be explained are not the same."""
    mine, yours = {word.key for word in one}, {word.key for word in other}
    only = [word for word in (*one, *other) if (word.key in mine) != (word.key in yours)]
    keys = {word.key for word in only}
    if not only:
        return "order" if [w.key for w in one] != [w.key for w in other] else "other-words"
    if any(word.literal for word in only):
        return "literal"
    if any(word.number for word in only):
        return "number"
    if keys & NEGATORS:
        return "negation"
    if any(word.capital for word in only):
        return "name"
    if keys & _DIRECTIONS:
        return "direction"
    if any(key in _QUESTIONS or key.startswith("@") for key in keys):
        return "question-type"
    if len(only) > 6:
        return "too-different"
    return "added-words" if keys <= mine or keys <= yours else "other-words"
