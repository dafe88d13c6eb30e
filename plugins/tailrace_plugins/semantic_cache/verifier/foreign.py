"""Texts of other languages compared as deeds and phrases: verb forms, free word order and frames of asking unified.

A second way beside `align`: it grants less (every word must be accounted for, none is merely near) and knows more of
how these languages build a sentence. What it cannot show to be the same costs `NEVER`.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from tailrace_plugins.semantic_cache.verifier import inflect, languages
from tailrace_plugins.semantic_cache.verifier.costs import NEVER
from tailrace_plugins.semantic_cache.verifier.roles import Roles, asides, negates
from tailrace_plugins.semantic_cache.verifier.roles import roles as small_words
from tailrace_plugins.semantic_cache.verifier.slips import one_stroke
from tailrace_plugins.semantic_cache.verifier.tokens import Token

LANGUAGES: Final = frozenset("de fr es it pt nl ru pl tr ar hi".split())
_LITERAL: Final = 0xF0000
_SYNONYM: Final = 0.01
_MOVED: Final = 0.05
_LIGHT: Final = 0.08
_SHOW: Final = frozenset("V:zeigen V:afficher V:mostrar V:mostrare V:tonen V:показать V:pokazac V:goster".split())
"""The verbs of showing: whoever names a thing and no deed wants to see it."""
_I: Final = frozenset("ich je j' yo io eu ik ja я mir mich me m' mi mij мне меня mnie".split())
_OWN: Final = "my"
_SLIP: Final = 0.1
_MOST_MOVES: Final = 3
_MOST_WORDS: Final = 80
_LONG: Final = 8
_KEYWORDS: Final = 4


@dataclass(frozen=True, slots=True)
class Unit:
    """One word of a reading: what it is compared by, and what its form says."""

    key: str
    raw: str
    form: str = ""
    role: str = ""
    """The article of a German noun, the ending of a Russian one: the case, where one can tell."""


@dataclass(frozen=True, slots=True)
class Sense:
    """A text taken apart: frames of asking, verbs in order, words that may stand anywhere, and the rest in order."""

    frames: tuple[str, ...]
    verbs: tuple[Unit, ...]
    free: tuple[str, ...]
    light: tuple[str, ...]
    own: tuple[str, ...]
    rest: tuple[Unit, ...]
    asks: bool
    states: bool
    plain: bool


def cost(mine: tuple[Token, ...], yours: tuple[Token, ...], language: str) -> float:
    """What the differences of two texts in `language` cost; `NEVER` where they are not shown to be harmless."""
    if language not in LANGUAGES or max(len(mine), len(yours)) > _MOST_WORDS * 2:
        return NEVER
    one, other = _sense(mine, language), _sense(yours, language)
    if not (one.rest or one.verbs) or not (other.rest or other.verbs):
        return NEVER
    if max(len(one.rest), len(other.rest)) > _MOST_WORDS or one.frames != other.frames or one.free != other.free:
        return NEVER
    if (one.asks and other.states) or (one.states and other.asks):
        return NEVER
    troubled = any(negates(unit.key, language) for unit in one.rest)
    if one.own != other.own and not one.frames and not troubled:
        # "How do I close my account" asks how to close an account; "close my account" says which.
        return NEVER
    one, other = _keyed(one, other, language), _keyed(other, one, language)
    total = _light(one.light, other.light) + _light(one.own, other.own) + _verbs(one, other)
    if total >= NEVER:
        return NEVER
    return min(NEVER, total + _arranged(one.rest, other.rest, one.plain or other.plain, language))


def _keyed(sense: Sense, beside: Sense, language: str) -> Sense:
    """`sense` without its genitives, where `beside` is but a few key words: "horario de la biblioteca"."""
    bare = not any(unit.key.startswith("P:") for unit in beside.rest) and len(beside.rest) <= _KEYWORDS
    if not bare or beside.verbs or sense.verbs or beside.asks or beside.states:
        return sense
    fixed = {"P:" + word for word in small_words(language).fixed}
    return replace(sense, rest=tuple(unit for unit in sense.rest if unit.key not in fixed))


def _light(mine: Sequence[str], yours: Sequence[str]) -> float:
    """Words that may be left out, but not stand one for the other."""
    only_mine, only_yours = Counter(mine) - Counter(yours), Counter(yours) - Counter(mine)
    if only_mine and only_yours:
        return NEVER
    return _LIGHT * (only_mine.total() + only_yours.total())


def _verbs(one: Sense, other: Sense) -> float:
    shown = [unit.key for unit in (*one.verbs, *other.verbs)]
    if len(shown) == 1 and shown[0] in _SHOW and not one.frames and not (one.asks or other.asks):
        # "Hotels up to 100 euros" wants to see them.
        return _LIGHT
    if len(one.verbs) != len(other.verbs):
        return NEVER
    commanding = not (one.asks or other.asks) or "@howto" in one.frames
    total = 0.0
    for mine, yours in zip(one.verbs, other.verbs, strict=True):
        total += _same(mine, yours, True, commanding)
    return min(total, NEVER)


def _same(mine: Unit, yours: Unit, plain: bool, commanding: bool = False) -> float:
    if mine.key != yours.key:
        return NEVER
    forms = {mine.form, yours.form}
    if len(forms) > 1 and inflect.EITHER not in forms and not (commanding and forms == {"", inflect.FIRST}):
        return NEVER
    if mine.raw == yours.raw:
        return 0.0
    if mine.key[1:2] == ":":
        return _SYNONYM
    return 0.02 if plain else NEVER


def _sense(tokens: tuple[Token, ...], language: str) -> Sense:
    literals: list[str] = []
    raws: dict[str, str] = {}
    capitals = {
        inflect.plain(t.text, language)
        for at, t in enumerate(tokens)
        if at and t.raw[:1].isupper() and tokens[at - 1].kind != "end"
    }
    text = _rewritten(_flat(tokens, literals, raws, language), language)
    words = _particles(text.split(), language)
    roles = small_words(language)
    passive = not roles.passive.keys().isdisjoint(words)
    # Where one cannot tell otherwise who did it, the auxiliary, the pronoun and the place of the verb count.
    bound = not roles.who.keys().isdisjoint(words)
    negated = any(negates(word, language) for word in words)
    units: list[Unit] = []
    frames: list[str] = []
    free: list[str] = []
    light: list[str] = []
    own: list[str] = []
    role = ""
    for word in _grouped(words, raws, capitals, language):
        if word.key.startswith("@"):
            frames.append(word.key)
        elif word.key in roles.article:
            role = roles.article[word.key] if roles.article[word.key] != word.key else ""
        elif bound and (roles.perfect.get(word.key) == "have" or word.key in _I):
            units.append(Unit(word.key, ""))
        elif word.key in roles.drop or word.key in roles.perfect:
            continue
        elif (word.key in roles.free or word.key.startswith("t:")) and not (units and units[-1].key[:2] == "P:"):
            free.append(roles.free.get(word.key, word.key))
        elif word.key in roles.light:
            light.append(word.key)
        elif word.key in roles.own:
            own.append(_OWN)
        elif word.key in roles.prep:
            units.append(Unit("P:" + roles.prep[word.key], "P:" + roles.prep[word.key]))
        elif ord(word.key[0]) >= _LITERAL:
            units.append(Unit("`" + literals[ord(word.key[0]) - _LITERAL], ""))
        else:
            # "Is being deleted", "shall be deleted": a participle that says nothing of the past.
            form = "" if passive and word.form == inflect.PAST else word.form
            units.append(Unit(word.key, word.raw, form, word.role or role))
            role = ""
    deeds = [unit for unit in units if unit.key.startswith("V:")]
    if not deeds and any(roles.perfect.get(word) == "have" for word in words):
        free.append("have")
    if deeds and not roles.perfect.keys().isdisjoint(words) and all(unit.form != inflect.PAST for unit in deeds):
        # "Hat bestellt" beside "bestellt": a participle that looks like the present.
        units[units.index(deeds[-1])] = deeds[-1] = replace(deeds[-1], form=inflect.PAST)
    kept = bool(deeds) and (bound or (len(deeds) > 1 and (negated or "que" in words[1:])))
    marks = [token.text for token in tokens if token.kind == "end"]
    polite = "@do" in frames
    questions = [frame for frame in frames if frame not in ("@do", "@if")]
    asks = "?" in marks and not questions and not polite
    states = bool(marks) and "?" not in marks and not questions and "@if" not in frames
    rest = tuple(unit for unit in units if kept or not unit.key.startswith("V:"))
    if "@howto" in questions and len(rest) < 4 and all(unit.key[0] not in "P`" for unit in rest) and not negated:
        # Key words: "kaffeemaschine entkalken wie".
        rest = tuple(sorted(rest, key=lambda unit: unit.key))
    spelled = all(raw.isascii() for raw in raws.values())
    return Sense(
        tuple(sorted(questions)), () if kept else tuple(deeds), tuple(sorted(free)), tuple(sorted(light)), tuple(own),
        _joined(rest, roles), asks, states, spelled,
    )  # fmt: skip


def _flat(tokens: Sequence[Token], literals: list[str], raws: dict[str, str], language: str) -> str:
    """All words in one row, single-blanked and folded; literals as one sign each; commas and sentence ends gone."""
    out: list[str] = []
    for token in tokens:
        if token.kind == "end" or token.text == ",":
            continue
        if token.kind == "exact" or (token.kind == "mark" and token.text not in "%$€£₹¥-&°"):
            literals.append(token.text)
            out.append(chr(_LITERAL + len(literals) - 1))
            continue
        for part in languages.fold(token.text, "").replace("'", "' ").split():
            folded = inflect.plain(part, language)
            raws.setdefault(folded, part)
            out.append(folded)
    return " ".join(out)


def _rewritten(text: str, language: str) -> str:
    padded = f" {text} "
    for pattern, replacement in asides(language):
        padded = re.sub(r" +", " ", pattern.sub(replacement, padded))
    return padded


def _particles(words: list[str], language: str) -> list[str]:
    """Join separable verbs: "schalte das Licht aus" has the verb "ausschalten"."""
    if language not in ("de", "nl"):
        return words
    table = inflect.separable(language)
    out = list(words)
    for at, word in enumerate(words):
        for particle, (key, _) in table.get(word, {}).items():
            for later in range(at + 1, len(out)):
                if out[later] == particle and (later + 1 == len(out) or later == at + 1 or _ends(out, later, language)):
                    out[at], out[later] = key, ""
                    break
            if not out[at].startswith("V:"):
                continue
            break
    return [word for word in out if word]


def _ends(words: Sequence[str], at: int, language: str) -> bool:
    """Whether a clause may end after the particle at `at`, because what follows begins a new one."""
    following = words[at + 1]
    return following in (
        "und",
        "en",
        "der",
        "die",
        "das",
        "dass",
        "wenn",
        "bevor",
        "nachdem",
        "",
    ) or following.startswith("@")


def _grouped(words: list[str], raws: dict[str, str], capitals: set[str], language: str) -> list[Unit]:
    """Known phrases by the key of their group, longest first; verbs by the key of theirs; the others as they are."""
    known, longest = inflect.nouns(language)
    verbs, roles = inflect.verbs(language), small_words(language)
    out: list[Unit] = []
    at = 0
    while at < len(words):
        for size in range(min(longest, len(words) - at), 0, -1):
            phrase = " ".join(words[at : at + size])
            # A sentence rather begins with a verb: "résume" is not "résumé" there.
            if phrase in known and not (size == 1 and (not at or words[at - 1] == "@do") and phrase in verbs):
                key, number = known[phrase]
                out.append(Unit(key, phrase, number))
                at += size
                break
        else:
            out.append(_single(words, at, raws, capitals, verbs, roles, language))
            at += 1
    return out


def _single(
    words: Sequence[str], at: int, raws: dict[str, str], capitals: set[str],
    verbs: dict[str, tuple[str, str]], roles: Roles, language: str,
) -> Unit:  # fmt: skip
    word = words[at]
    raw = raws.get(word, word)
    if word.startswith(("V:", "@")) or roles.small(word):
        return Unit(word, word)
    # A German word with a capital inside a sentence is a noun, whatever verb it looks like.
    if language == "de" and word in capitals and at:
        return Unit(word, raw)
    before = words[at - 1] if at else ""
    noun = before in roles.article or before in roles.own
    found = None if noun else verbs.get(raw) or verbs.get(word)
    if found is not None:
        return Unit(found[0], word, found[1])
    if word in roles.number:
        return Unit("#:" + roles.number[word], word)
    if any(char.isdigit() for char in word):
        return Unit("#:" + word, word)
    return Unit(_adjective(word, language), raw)


def _adjective(word: str, language: str) -> str:
    """German and Dutch adjectives without their ending, which only follows the noun and its article."""
    if language == "de" and len(word) > 5 and word.isalpha():
        return re.sub(r"(?<=[a-z]{4})(?:en|em|er|es|e)$", "", word)
    return word


def _joined(rest: Sequence[Unit], roles: Roles) -> tuple[Unit, ...]:
    """The rest, with "A und B" sorted where both are single words with nothing that could belong to one of them."""
    units = list(rest)
    for at in range(1, len(units) - 1):
        lone = (at == 1 or units[at - 2].key.startswith("P:")) and (
            at + 2 == len(units) or units[at + 2].key.startswith("P:")
        )
        if units[at].key in ("N:und", "N:oder") and lone and units[at + 1].key < units[at - 1].key:
            units[at - 1], units[at + 1] = units[at + 1], units[at - 1]
    return tuple(units)


def _arranged(one: Sequence[Unit], other: Sequence[Unit], plain: bool, language: str) -> float:
    """The cost of `other` made into `one` by moving whole phrases that begin with a preposition."""
    if len(one) != len(other):
        return NEVER
    roles, yours, total, moves, cases = small_words(language), list(other), 0.0, 0, 0
    for at, unit in enumerate(one):
        step = _alike(unit, yours[at], plain, language)
        if step >= NEVER:
            moved = _moved(one, yours, at, roles)
            if moved is None or moves == _MOST_MOVES:
                return NEVER
            yours, moves, total = moved, moves + 1, total + _MOVED
            step = _alike(unit, yours[at], plain, language)
        roles_here = {unit.role, yours[at].role} - {""}
        if roles_here == {"sg", "pl"}:
            return NEVER
        cases += len(roles_here) > 1
        total += step
        if total >= NEVER:
            return NEVER
    # One noun may change its case with the frame ("der Dienst soll neu starten"); two that do have changed places.
    return NEVER if cases > 1 else total


def _alike(mine: Unit, yours: Unit, plain: bool, language: str) -> float:
    same = _same(mine, yours, plain)
    if same < NEVER or mine.key[0] in "`P" or yours.key[0] in "`P":
        return same
    if mine.raw == yours.raw and mine.raw:
        return 0.0
    if mine.key[0] == "#" or yours.key[0] == "#":
        return NEVER
    known = [unit.key[1:2] == ":" for unit in (mine, yours)]
    if sum(known) == 1 and len(mine.raw) > 5 and len(yours.raw) > 5 and mine.raw[:1] == yours.raw[:1]:
        one, other = inflect.plain(mine.raw, language), inflect.plain(yours.raw, language)
        return _SLIP if one.isalpha() and other.isalpha() and one_stroke(one, other) else NEVER
    if not any(known) and _undoubled(mine.raw) == _undoubled(yours.raw) and min(len(mine.raw), len(yours.raw)) > _LONG:
        return _SLIP
    return NEVER


def _undoubled(word: str) -> str:
    """A long word without its doubled letters, which are easily forgotten ("gutscheinnumer")."""
    return re.sub(r"([a-z])\1", r"\1", word)


def _moved(one: Sequence[Unit], yours: list[Unit], at: int, roles: Roles) -> list[Unit] | None:
    """`yours` with the phrase at `at` of `one` brought there, or with its own phrase at `at` put where `one` has it."""
    for target, source in ((one, yours), (yours, one)):
        head = target[at].key
        if not head.startswith("P:") or head[2:] in roles.fixed:
            continue
        start = next(
            (i for i in range(at + 1, len(source)) if source[i].key == head and _follows(target, source, at, i)), 0
        )
        if not start or source[start - 1].key in roles.focus or (at and target[at - 1].key in roles.focus):
            continue
        size = 0
        while (
            start + size < len(source) and at + size < len(target) and target[at + size].key == source[start + size].key
        ):
            size += 1
        if source is yours:
            return [*yours[:at], *yours[start : start + size], *yours[at:start], *yours[start + size :]]
        rest = [*yours[:at], *yours[at + size :]]
        return [*rest[:start], *yours[at : at + size], *rest[start:]]
    return None


def _follows(target: Sequence[Unit], source: Sequence[Unit], at: int, start: int) -> bool:
    return at + 1 < len(target) and start + 1 < len(source) and target[at + 1].key == source[start + 1].key
