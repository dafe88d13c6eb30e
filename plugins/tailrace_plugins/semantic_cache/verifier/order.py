"""Orders of words that mean the same: "A and B" as "B and A", "in Python" before or after, "population of X"."""

from collections.abc import Iterator, Sequence
from typing import Final

from tailrace_plugins.semantic_cache.verifier import wordlists
from tailrace_plugins.semantic_cache.verifier.costs import opposite
from tailrace_plugins.semantic_cache.verifier.words import NEGATORS, Word

MOVED: Final = 0.15
"""The cost of each rearrangement."""
_PREPOSITIONS: Final = wordlists.words("prepositions")
_OWNING: Final = frozenset({"of", "on", "in", "for", "at"})
_VERB_HEADS: Final = frozenset("@howto @can @should @must @allowed to i you we they he she".split())
_TWO_SIDED: Final = frozenset({"@diff", "@compare", "@vs", "@which", "@distance", "@telldiff", "@mutual"})
_NAMED: Final = frozenset({"@which", "@mutual"})
"""Of these the first part is the relation itself."""


def unordered(words: Sequence[Word]) -> tuple[Word, ...]:
    """Sort the two sides of a relation that has no direction, as in "difference between A and B"."""
    keys = [word.key for word in words]
    if not words or words[0].key not in _TWO_SIDED or "|" not in keys:
        return tuple(words)
    parts = _split(words[1:], "|")
    if words[0].key == "@compare" and "," in keys:
        # "price, size and weight of the two": what follows the last member belongs to all of them.
        end = next((at for at, word in enumerate(parts[-1]) if at and word.key in _OWNING), len(parts[-1]))
        tail = parts[-1][end:]
        parts = [part for side in (*parts[:-1], parts[-1][:end]) for part in _split(side, ",")]
        parts = sorted((part for part in parts if part), key=lambda part: [word.key for word in part])
        return (words[0], *(word for part in parts for word in (*part, Word("|"))), *tail)
    fixed, sides = (parts[:1], parts[1:]) if words[0].key in _NAMED else ([], parts)
    sides.sort(key=lambda side: [word.key for word in side if word.key not in ("a", "the")])
    out = [words[0]]
    for at, part in enumerate([*fixed, *sides]):
        out.extend([Word("|"), *part] if at else part)
    return tuple(out)


def _split(words: Sequence[Word], key: str) -> list[list[Word]]:
    parts: list[list[Word]] = [[]]
    for word in words:
        if word.key == key:
            parts.append([])
        else:
            parts[-1].append(word)
    return parts


def rearranged(one: Sequence[Word], other: Sequence[Word], language: str) -> Iterator[tuple[float, tuple[Word, ...]]]:
    """Harmless rearrangements of `other` towards `one`, each with its cost, each yet to be explained."""
    for words in _comparisons(one, other):
        yield MOVED, words
    start, end = _core(one, other)
    first, second = one[start : len(one) - end], other[start : len(other) - end]
    tail = other[len(other) - end :] if end else other[:0]
    if start and _may_swap(other, start, tail) and (_coordinated(first, second) or _compound(first, second)):
        yield MOVED, (*other[:start], *first, *tail)
    moved = _phrases_moved(one, other)
    if moved is not None:
        yield MOVED, moved
    if language == "en" and _shuffled(one, other):
        yield _SHUFFLED, tuple(one)


def _comparisons(one: Sequence[Word], other: Sequence[Word]) -> Iterator[tuple[Word, ...]]:
    """ "Is A heavier than B?" is answered with "Which is heavier, B or A?", and is "Is B lighter than A?"."""
    if not one or not other or {one[0].key, other[0].key} - {"@which", "@isthan"}:
        return
    parts = _split(other[1:], "|")
    if len(parts) != 3:
        return
    bar = Word("|")
    if one[0].key != other[0].key:
        yield (one[0], *parts[0], bar, *parts[1], bar, *parts[2])
        yield (one[0], *parts[0], bar, *parts[2], bar, *parts[1])
    elif (
        one[0].key == "@isthan"
        and [word.key for word in one[2:3]] == ["|"]
        and len(parts[0]) == 1
        and (opposite(one[1], parts[0][0], "en"))
    ):
        yield (one[0], one[1], bar, *parts[2], bar, *parts[1])


def _core(one: Sequence[Word], other: Sequence[Word]) -> tuple[int, int]:
    """How many words are equal at the start and at the end."""
    shorter = min(len(one), len(other))
    start = 0
    while start < shorter and one[start].key == other[start].key:
        start += 1
    end = 0
    while end < shorter - start and one[-1 - end].key == other[-1 - end].key:
        end += 1
    while start and one[start - 1].key in ("a", "the"):
        start -= 1
    return start, end


def _may_swap(words: Sequence[Word], start: int, tail: Sequence[Word]) -> bool:
    """Two deeds joined by "and" have an order, two things have none; a negation or a possessive binds only one."""
    before = words[start - 1].key
    keys = {word.key for word in words}
    if before in _VERB_HEADS or before in NEGATORS or "respectively" in keys or "then" in keys:
        return False
    return not (tail and tail[0].key in ("'s", "of"))


def _coordinated(one: Sequence[Word], other: Sequence[Word]) -> bool:
    """Whether both are the same members joined by "and", "or" and commas."""
    for joint in ("and", "or"):
        mine, yours = _members(one, joint), _members(other, joint)
        if len(mine) > 1 and sorted(map(_plain, mine)) == sorted(map(_plain, yours)):
            return True
    return False


def _compound(one: Sequence[Word], other: Sequence[Word]) -> bool:
    """Whether one is "X N" and the other "N of X": "my Quora account", "my account on Quora"."""
    for short, long in ((one, other), (other, one)):
        keys = [word.key for word in long]
        at = next((at for at, key in enumerate(keys) if key in _OWNING and at), 0)
        if at and _plain((*long[at + 1 :], *long[:at])) == _plain([word for word in short if word.key != "'s"]):
            return True
    return False


def _members(words: Sequence[Word], joint: str) -> list[list[Word]]:
    if joint not in [word.key for word in words]:
        return []
    parts: list[list[Word]] = [[]]
    for word in words:
        if word.key in (joint, ","):
            if parts[-1]:
                parts.append([])
        else:
            parts[-1].append(word)
    return parts


def _plain(member: Sequence[Word]) -> tuple[tuple[str, str], ...]:
    return tuple((word.key, word.form) for word in member if word.key not in ("a", "the", "both", "either"))


def _shuffled(one: Sequence[Word], other: Sequence[Word]) -> bool:
    """Whether two questions without a subject, an order or a direction hold the same words in another order."""
    if len(one) < 3 or len(other) < 3 or one[0].key != other[0].key or one[0].key not in _SUBJECTLESS:
        return False
    if any(word.key in _ORDERED or word.key in NEGATORS or word.literal for word in (*one, *other)):
        return False
    mine, yours = _loose(one), _loose(other)
    return len(mine) <= 10 and mine == yours and _one_block(one, other)


def _one_block(one: Sequence[Word], other: Sequence[Word]) -> bool:
    """Whether two neighbouring runs of words changed places and nothing else: no subject is an object now."""
    first = [word.key for word in one if word.key not in _UNBOUND]
    second = [word.key for word in other if word.key not in _UNBOUND]
    size = len(first)
    start = next((at for at in range(size) if first[at] != second[at]), size)
    end = next((at for at in range(size) if first[-1 - at] != second[-1 - at]), size)
    middle, turned = first[start : size - end], second[start : size - end]
    return any(middle[at:] + middle[:at] == turned for at in range(len(middle) + 1))


def _loose(words: Sequence[Word]) -> list[tuple[str, str]]:
    return sorted((word.key, word.form.replace("ing", "")) for word in words if word.key not in _UNBOUND)


_SUBJECTLESS: Final = frozenset(
    {"@howto", "@best", "@besttime", "@price", "@howlong", "@benefit", "@drawback", "@usedfor"}
)
_ORDERED: Final = frozenset(
    "from to into onto than before after over under between with without by against instead that who which if when "
    "because while until then and or 's | as only more less through".split()
)
_UNBOUND: Final = frozenset("a the , of in on at for @my some really".split())
_SHUFFLED: Final = 0.3


def _phrases_moved(one: Sequence[Word], other: Sequence[Word]) -> tuple[Word, ...] | None:
    """`one`, where `other` is the same prepositional phrases in another order; None where it is not.

    Two phrases with one preposition might belong to two things ("people in China richer than people in India").
    """
    mine, yours = _phrases(one), _phrases(other)
    if len(mine) != len(yours) or not 1 < len(mine) <= 8 or len({phrase[0].key for phrase in mine}) < len(mine):
        return None
    left = list(yours)
    for phrase in mine:
        wanted = _plain(phrase)
        match = next((at for at, candidate in enumerate(left) if _plain(candidate) == wanted), None)
        if match is None:
            return None
        left.pop(match)
    return tuple(one) if _plain(one) != _plain(other) else None


def _phrases(words: Sequence[Word]) -> list[tuple[Word, ...]]:
    """The head of a sentence, then each phrase that begins with a preposition.

    A phrase ends with a name or a comma; what follows belongs to the head ("how many people in India / speak English").
    """
    parts: list[list[Word]] = [[]]
    current = 0
    for at, word in enumerate(words):
        if word.key == ",":
            current = 0
            continue
        if word.key in _PREPOSITIONS:
            parts.append([])
            current = len(parts) - 1
        parts[current].append(word)
        named = word.capital or word.literal
        if current and named and at + 1 < len(words) and not (words[at + 1].capital or words[at + 1].number):
            current = 0
    return [tuple(part) for part in parts if part]
