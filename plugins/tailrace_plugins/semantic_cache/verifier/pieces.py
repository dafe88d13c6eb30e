"""Explains one English text by the other whatever the order of their phrases, where nothing hangs on the order.

Each word that carries sense is a piece, with the small word that binds it ("from", "to", "by"). The pieces of two texts
are paired one to one; then what stands in another order must be a phrase that keeps its binding ("to B from A"), a
compound ("a summer wedding", "a wedding in summer") or a quality ("open tickets", "tickets that are open"). Subjects
and objects have no binding, so they may not change places.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from tailrace_plugins.semantic_cache.verifier.costs import NEVER, dropped, swapped
from tailrace_plugins.semantic_cache.verifier.forms import is_verb
from tailrace_plugins.semantic_cache.verifier.kin import derived
from tailrace_plugins.semantic_cache.verifier.order import MOVED
from tailrace_plugins.semantic_cache.verifier.slips import slip
from tailrace_plugins.semantic_cache.verifier.smallwords import ASKING, CHECKING, clash, manner
from tailrace_plugins.semantic_cache.verifier.words import NEGATORS, Word

_MOST: Final = 40
"""Longer texts are not taken apart: the pairing is quadratic."""
_SILENT: Final = frozenset("a the , be been being do there @my please".split())
_RELATIVE: Final = frozenset("that which who whose of 's".split())
_LOOSE: Final = frozenset("in on at for about of 's that which who whose during with".split())
"""Bindings that a compound leaves out."""
_BINDING: Final = _LOOSE | frozenset(
    "from to into onto by before after than as via over under between against through without within until since if "
    "when because although while unless and or but then near across per among except".split()
)
_STRICT: Final = frozenset(
    "only all every each most more less few no not never first last 1st even both just another other same next "
    "at_least at_most".replace("_", "-").split()
) | {"at least", "at most"}
"""Words that count for the very next piece and may not move to another."""
_PAST: Final = frozenset({"yesterday", "last", "ago"})
_MOODS: Final = frozenset("can could will would should must may might was were did had has have".split())
_ALIKE: Final = frozenset(
    frozenset(pair.split("+"))
    for pair in "in+on in+at on+at in+during on+during for+of for+about on+about of+in of+on for+on for+in from+of "
    "to+for if+when and+, with+of at+for into+to onto+to in+with with+for as+when".split()
)
_TIMES: Final = frozenset(
    "today tomorrow tonight yesterday now monday tuesday wednesday thursday friday saturday sunday daily weekly "
    "monthly yearly always often".split()
)


_SUBJECTLESS: Final = frozenset({"@howto", "@best", "@good", "@price", "@howlong", "@benefit", "@drawback", "@usedfor"})
_ASKED: Final = frozenset({"@show", "which", "what be", "@exist", "@good", "what", "which be"})
"""Heads that ask for things: "which plans", "what are the plans", "show me the plans", "are there plans"."""
_PERSONS: Final = frozenset(
    "people person someone somebody human i you we one everyone anyone anybody man individual they".split()
)
"""Anybody, as the subject of an open question."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A word that carries sense; `bound` is the small word before it, "" where it follows the last piece directly."""

    word: Word
    bound: str = ""
    relative: bool = False


def cost(one: Sequence[Word], other: Sequence[Word], limit: float) -> float:
    """The cost of explaining `one` by `other` piece by piece; `NEVER` where one, or the order, stays unexplained."""
    mine, yours = _pieces(one), _pieces(other)
    if not mine or not yours or max(len(mine), len(yours)) > _MOST or abs(len(mine) - len(yours)) > 4:
        return NEVER
    freedom = min(manner(one), manner(other))
    mine, yours = _settled(mine), _settled(yours)
    keys = {mine[0].word.key, yours[0].word.key}
    if keys <= {"@show", "what was", "which"} and "what was" in keys and _PAST & {p.word.key for p in (*mine, *yours)}:
        mine[0] = yours[0] = Piece(Word("@show"))
    total = 0.0
    if (mine[0].word.key in _UNSAID) != (yours[0].word.key in _UNSAID):
        asked, bare = (mine, yours) if mine[0].word.key in _UNSAID else (yours, mine)
        if _keywords(bare):
            del asked[0]
            total, freedom = 0.1, CHECKING
            if not asked:
                return NEVER
    if clash(one, other):
        return NEVER
    if (
        freedom not in (ASKING, CHECKING)
        and not (_keywords(mine) and _keywords(yours))
        and not slip(mine[0].word, yours[0].word, "en")
        and mine[0].word.key != yours[0].word.key
    ):
        return NEVER
    if mine[0].word.key == "@write" or {"all", "every"} <= {piece.word.key for piece in (*mine, *yours)}:
        # "all files" and "every file", "a regex for addresses" and "a regex for an address"
        freedom = CHECKING
    _unify_nominal(mine, yours)
    pairs, words = _pair(mine, yours, freedom, limit)
    total += words
    if total > limit:
        return NEVER
    return total + _arrangement(mine, yours, pairs, limit - total)


def _unify_nominal(mine: list[Piece], yours: list[Piece]) -> None:
    """ "why was it rejected" and "why the rejection of it": the noun has no "was"."""
    for text, other in ((mine, yours), (yours, mine)):
        at = next((at for at, p in enumerate(text) if p.word.key == "was"), 0)
        if at and not any(p.word.key in _MOODS or p.word.key == "what was" for p in other):
            nouns = [p.word.key for p in other if p.word.key.endswith(("ion", "al", "ment", "ure", "ance"))]
            if any(derived(p.word.key, noun) for p in text if p.word.form in ("ed", "en") for noun in nouns):
                del text[at]


def _settled(text: list[Piece]) -> list[Piece]:
    """Without a case that says nothing new ("... in Bash, if I write a Bash script"), its thing put in for "it"."""
    case = next((at for at, p in enumerate(text) if p.bound == "if" and p.word.key in ("i", "we") and at > 1), 0)
    if not case:
        return text
    head, tail = text[:case], text[case + 1 :]
    it = next((at for at, p in enumerate(head) if p.word.key in ("it", "them") and not p.bound), 0)
    if it and len(tail) > 1 and tail[0].word.key in ("have", "buy", "own"):
        return [*head[:it], Piece(tail[1].word), *tail[2:], *head[it + 1 :]]
    said = {piece.word.key for piece in head} | _DOING
    return head if all(piece.word.key in said for piece in tail) else text


_DOING: Final = frozenset(
    "write work use build learn try script project application new code program currently with just start "
    "switch team company install".split()
) | {
    "compatible with",
    "move to",
    "work on",
}


def _keywords(text: list[Piece]) -> bool:
    """Whether a text names things without saying what about them: "hotel check-in times", "postgres list indexes"."""
    first = text[0].word
    headed = first.key.startswith(("@", "what")) or first.key in _HEADED or first.key in NEGATORS
    return (
        not headed and len(text) <= 8 and not is_verb(first.key) and not any(p.word.key in _MOODS | _SAID for p in text)
    )


_HEADED: Final = frozenset("what why how who where when which whose i you we they it he she please can do if".split())
_SAID: Final = frozenset("i you we they he she it me us be not".split())
_UNSAID: Final = frozenset({"@show", "what be", "@howto", "@whatis", "which"})
"""Heads that a search by keywords leaves out."""


def _pieces(words: Sequence[Word]) -> list[Piece]:
    out: list[Piece] = []
    bound, relative = "", False
    for at, word in enumerate(words):
        if at == 1 and word.key == "was" and words[0].key == "what" and out:
            out[0] = Piece(Word("what was"))
        elif word.key in _BINDING and at and not (word.key == "of" and bound):
            relative = relative or word.key in _RELATIVE
            bound = word.key if word.key not in ("that", "which", "who", "whose") or not bound else bound
        elif word.raw == "using" and at and bound in ("", "by"):
            bound = "with"
        elif word.key == "have" and word.form == "ing" and at and not bound:
            bound, relative = "with", True
        elif out and word.key == out[-1].word.key and " " in word.key:
            # "CI (continuous integration)" says one thing twice.
            continue
        elif word.key in _SILENT and (at or word.key in ("a", "the")) and word.form != "ed":
            relative = relative or word.key == "be"
        elif (
            word.key in ("has", "have")
            and at
            and not word.form
            and at + 1 < len(words)
            and (words[at + 1].form in ("ed", "en") or words[at + 1].raw.endswith(("ed", "en")))
        ):
            # "who has won" and "who won" ask for the same; "had won" does not.
            relative = True
        else:
            onward = word.key.removesuffix(" to") if word.key.endswith(" to") else ""
            if onward and word.form != "ed":
                # "move to B the logs": the direction belongs to what follows.
                out.append(Piece(replace(word, key=onward), bound, relative))
                bound, relative = "to", False
                continue
            free = word.key in _TIMES and not bound
            out.append(Piece(word, "@time" if free else bound, relative))
            bound, relative = "", False
    if bound:
        out.append(Piece(Word(bound), ""))
    return out


def _pair(mine: list[Piece], yours: list[Piece], freedom: int, limit: float) -> tuple[list[tuple[int, int]], float]:
    """Which piece of `mine` is which of `yours`, and what the words themselves cost."""
    left = list(range(len(yours)))
    pairs: list[tuple[int, int]] = []
    total, rest = 0.0, []
    ceiling = {ASKING: 0.35, CHECKING: 0.3}.get(freedom, 0.15)
    for at, piece in enumerate(mine):
        equal = [to for to in left if yours[to].word.key == piece.word.key and _fits(piece, yours[to], freedom)]
        # Of several equal words the one in the same place: with the same binding, before the same word.
        found = min(equal, key=lambda to: _distance(mine, at, yours, to), default=None)
        if found is None:
            rest.append(at)
            continue
        left.remove(found)
        pairs.append((at, found))
        total += swapped(piece.word, yours[found].word, "en")
    if len(rest) > 6 or len(left) > 6:
        return [], NEVER
    for at in rest:
        price, to = min(((_price(mine[at], yours[to], freedom), to) for to in left), default=(NEVER, -1))
        alone = dropped(mine[at].word, "en", mine[at - 1].word if at else None)
        if alone > ceiling:
            alone = NEVER
        if min(price, alone) > limit:
            return [], NEVER
        total += min(price, alone)
        if price <= alone:
            left.remove(to)
            pairs.append((at, to))
    for to in left:
        alone = dropped(yours[to].word, "en", yours[to - 1].word if to else None)
        total += NEVER if alone > ceiling else alone
    return sorted(pairs), min(total, NEVER)


def _distance(mine: list[Piece], at: int, yours: list[Piece], to: int) -> tuple[bool, bool, bool, int]:
    after = [piece.word.key for piece in mine[at + 1 : at + 2]] != [piece.word.key for piece in yours[to + 1 : to + 2]]
    before = at > 0 and to > 0 and mine[at - 1].word.key != yours[to - 1].word.key
    return mine[at].bound != yours[to].bound, after, before, to


def _fits(one: Piece, other: Piece, freedom: int) -> bool:
    """Whether two forms of one word may stand for each other here: in a command one thing is not several."""
    if swapped(one.word, other.word, "en") >= NEVER:
        return False
    numbers = {one.word.form, other.word.form} == {"", "s"}
    return not (
        numbers
        and freedom not in (ASKING, CHECKING)
        and not (is_verb(one.word.key) and "that" in (one.bound, other.bound))
    )


def _price(one: Piece, other: Piece, freedom: int) -> float:
    price = swapped(one.word, other.word, "en")
    keys = {one.word.key, other.word.key}
    if keys <= _ASKED:
        return min(price, 0.1 if "@good" not in keys else 0.2)
    if freedom == ASKING and keys <= _PERSONS and not one.word.number:
        return min(price, 0.1)
    if keys == {"all", "every"}:
        return 0.1
    if price > 0.3 and not (one.word.capital or other.word.capital) and derived(one.word.key, other.word.key):
        return 0.15 if freedom == ASKING else 0.25
    if price < NEVER and not _fits(one, other, freedom):
        return NEVER
    return (
        price
        + (0.2 if price >= 0.4 and freedom != ASKING else 0.0)
        + (0.2 if freedom not in (ASKING, CHECKING) and price >= 0.4 else 0.0)
    )


def _arrangement(mine: list[Piece], yours: list[Piece], pairs: list[tuple[int, int]], limit: float) -> float:
    """What the order costs: phrases that moved with their binding are taken out, what is left must stand in order."""
    total = 0.0
    for a, b in pairs:
        bound = _binding(mine[a], yours[b])
        if bound >= NEVER and _onward(mine, a, yours, b):
            bound = 0.05
        total += bound
        if _strict(mine[a]) and not _same_next(a, b, mine, yours, pairs):
            return NEVER
    if total > limit:
        return NEVER
    runs = _runs(pairs)
    moved: list[str] = []
    while len(runs) > 1:
        step = _take_out(runs, mine, yours, moved, mine[0].word.key in _SUBJECTLESS)
        if step is None:
            return NEVER
        runs, price = step
        total += price
        if total > limit:
            return NEVER
    return total


def _onward(mine: list[Piece], a: int, yours: list[Piece], b: int) -> bool:
    """Whether the "from" that one side leaves out is clear from the "to" that follows: "a flight Oslo to Dublin"."""
    follows = [piece.bound for piece in (*mine[a + 1 : a + 2], *yours[b + 1 : b + 2])]
    return {mine[a].bound, yours[b].bound} == {"", "from"} and follows == ["to", "to"]


def _strict(piece: Piece) -> bool:
    key = piece.word.key
    # "2 week" is a number with its unit, bound already.
    return key in _STRICT or key in NEGATORS or key in _MOODS or (piece.word.number and " " not in key)


def _same_next(a: int, b: int, mine: list[Piece], yours: list[Piece], pairs: list[tuple[int, int]]) -> bool:
    ends = a + 1 >= len(mine), b + 1 >= len(yours)
    return (a + 1, b + 1) in pairs or all(ends) or (a, b) == (0, 0)


def _binding(one: Piece, other: Piece) -> float:
    """The cost of two bindings against each other; a direction may not change, a compound has none."""
    if one.bound == other.bound:
        return 0.0
    bounds = {one.bound, other.bound}
    if bounds <= _LOOSE | {""} and ("" in bounds or bounds <= _RELATIVE):
        return 0.05
    if frozenset(bounds) in _ALIKE:
        return 0.15
    if bounds in ({"", "to"}, {"to", "that"}) and is_verb(one.word.key):
        return 0.05
    if bounds <= {"", "@time", "on", "in", "at"} and "@time" in bounds:
        return 0.05
    return NEVER


def _runs(pairs: list[tuple[int, int]]) -> list[list[tuple[int, int]]]:
    """Pairs that follow each other in both texts, in the order of the first."""
    ranks = {b: rank for rank, b in enumerate(sorted(b for _, b in pairs))}
    runs: list[list[tuple[int, int]]] = []
    for a, b in pairs:
        if runs and ranks[runs[-1][-1][1]] + 1 == ranks[b]:
            runs[-1].append((a, b))
        else:
            runs.append([(a, b)])
    return runs


def _take_out(
    runs: list[list[tuple[int, int]]], mine: list[Piece], yours: list[Piece], moved: list[str], subjectless: bool
) -> tuple[list[list[tuple[int, int]]], float] | None:
    """One rearrangement undone: the runs that are left, and its cost; None where none is harmless."""
    for at, run in enumerate(runs):
        first, second = mine[run[0][0]], yours[run[0][1]]
        if (
            first.bound == second.bound
            and first.bound
            and first.bound not in moved
            and first.bound not in ("and", "or", "then", "but")
        ):
            moved.append(first.bound)
            rest = [pair for there, other in enumerate(runs) if there != at for pair in other]
            return _runs(rest), MOVED
    if "turned" in moved:
        # Two of them would let subject and object change places.
        return None
    for at in range(len(runs) - 1):
        left, right = runs[at], runs[at + 1]
        if right[-1][1] > left[0][1] or (left[0] == (0, 0) and not _keywords(mine)):
            continue
        if left[0][1] - right[-1][1] != 1 or right[0][0] - left[-1][0] != 1:
            continue
        bare = subjectless and mine[right[0][0]].bound == yours[left[0][1]].bound == ""
        if (bare and len(left) + len(right) <= 4) or _turned(mine, yours, left, right):
            moved.append("turned")
            joined = [*runs[:at], *runs[at + 2 :]]
            rest = sorted([*(pair for run in joined for pair in run), *_turn(left, right)])
            return _runs(rest), 0.1
    return None


def _turned(one: list[Piece], other: list[Piece], left: list[tuple[int, int]], right: list[tuple[int, int]]) -> bool:
    """Whether two neighbouring runs are a compound in one text and in the other the same with its parts bound."""
    if len(left) > 3 or len(right) > 3:
        return False
    first, second = one[right[0][0]], other[left[0][1]]
    bounds = {first.bound, second.bound}
    if bounds <= _LOOSE | {""} and ("" in bounds) != ("'s" in bounds) and len(bounds) == 2:
        return True
    # "the open tickets" and "the tickets that are open"
    return bounds == {""} and first.relative != second.relative


def _turn(left: list[tuple[int, int]], right: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The same pairs as if the second text had them in the order of the first."""
    places = sorted(b for _, b in (*left, *right))
    return [(a, b) for (a, _), b in zip((*left, *right), places, strict=True)]
