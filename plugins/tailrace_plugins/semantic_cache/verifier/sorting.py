"""One way to say an order in English: "newest first", "from newest to oldest" and "latest on top" are one order."""

from typing import Final

_RISING: Final = frozenset("oldest earliest smallest lowest cheapest shortest least fewest".split())
_FALLING: Final = frozenset("newest latest largest highest biggest longest greatest most".split())
_DIRECTIONS: Final = {
    **{"ascending": "@rising", "asc": "@rising", "descending": "@falling", "desc": "@falling"},
    **{"increasing": "@rising", "decreasing": "@falling"},
}
_FIELDS: Final = {
    **{"newest": "date", "latest": "date", "oldest": "date", "earliest": "date", "cheapest": "price"},
    **{"longest": "length", "shortest": "length"},
}
_TOP: Final = (("first",), ("on", "top"), ("at", "the", "top"), ("at", "the", "beginning"), ("at", "the", "start"))
_SORTS: Final = frozenset("sort sorted order ordered arrange arranged rank ranked list show sorting ordering".split())


def unify(words: list[str]) -> list[str]:
    """Rewrite the order a list is asked for to "@rising" or "@falling" and its field; other words stay."""
    if not _SORTS & set(words):
        return words
    words = [
        "most" if pair == ("most", "recent") else word
        for word, pair in zip(words, [*zip(words, words[1:], strict=False), ()], strict=True)
    ]
    out: list[str] = []
    at = 0
    while at < len(words):
        taken, made = _order(words, at)
        out.extend(made or words[at : at + taken])
        at += taken
    found = [word for word in out if word in ("@rising", "@falling")]
    if len(found) != 1:
        return list(words)
    return ["sort", *out[1:]] if out[0] in ("order", "arrange", "rank") else out


def _order(words: list[str], at: int) -> tuple[int, list[str]]:
    """How many words an order takes that begins at `at`, and what stands for it; one word and nothing without one."""
    start = at + (words[at] in ("from", "with", "starting"))
    start += words[start : start + 1] == ["with"]
    start += words[start : start + 1] == ["the"]
    first = words[start] if start < len(words) else ""
    if words[at] in ("alphabetically",) or words[at : at + 3] == ["in", "alphabetical", "order"]:
        return (1 if words[at] == "alphabetically" else 3), ["by", "name", "@rising"]
    if words[at : at + 4] in (["from", "a", "to", "z"], ["from", "z", "to", "a"]):
        return 4, ["@rising" if words[at + 1] == "a" else "@falling"]
    if words[at : at + 3] in (["a", "to", "z"], ["z", "to", "a"]):
        return 3, ["@rising" if words[at] == "a" else "@falling"]
    if first in _RISING | _FALLING:
        end = _end(words, at, start)
        if end:
            return end - at, _spoken(words, first)
    if (
        words[at] == "in"
        and words[at + 1 : at + 2]
        and words[at + 1] in _DIRECTIONS
        and words[at + 2 : at + 3] == ["order"]
    ):
        field = words[at + 4 : at + 5] if words[at + 3 : at + 4] in (["of"], ["by"]) else []
        return 3 + 2 * bool(field), [*(["by", *field] if field else []), _DIRECTIONS[words[at + 1]]]
    if words[at] in _DIRECTIONS:
        comma = words[at + 1 : at + 2] == ["order"]
        return 1 + comma, [_DIRECTIONS[words[at]]]
    return 1, []


def _end(words: list[str], at: int, start: int) -> int:
    """Where "newest first" or "from newest to oldest" ends; 0 where the word is no order."""
    after = start + 1 + (words[start + 1 : start + 2] == ["ones"])
    for top in _TOP:
        if tuple(words[after : after + len(top)]) == top:
            return after + len(top)
    opposite = _FALLING if words[start] in _RISING else _RISING
    if words[after : after + 1] == ["to"]:
        to = after + 1 + (words[after + 1 : after + 2] == ["the"])
        if to < len(words) and words[to] in opposite:
            return to + 1
    return start + 1 if words[at] == "starting" else 0


def _spoken(words: list[str], first: str) -> list[str]:
    if "by" in words:
        # "by age, oldest first": the oldest has the highest age, and the lowest date.
        field = words[words.index("by") + 1 : words.index("by") + 2]
        if field == ["age"]:
            return ["@falling" if first in ("oldest", "largest", "highest") else "@rising"]
        return ["@rising" if first in _RISING else "@falling"]
    direction = "@rising" if first in _RISING else "@falling"
    return ["by", _FIELDS[first], direction] if first in _FIELDS else [direction]
