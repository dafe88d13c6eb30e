"""Verb and noun forms of the European languages: which forms of one word ask for the same thing.

Conservative: only forms made here, or given in the lists, belong to a word; every other form is a word of its own.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from tailrace_plugins.semantic_cache.verifier import languages, wordlists

PAST: Final = "ed"
FIRST: Final = "1"
"""The first person of a language that drops its pronouns: "pago" is not "paga"."""
PLURAL: Final = "s"
EITHER: Final = "?"
"""A form that is singular and plural."""

_TO: Final = "\ue001"
_UMLAUT: Final = re.compile(r"(?<![aeq])([aou])e")
_NO_GE: Final = re.compile(r"(?:be|ver|ent|er|zer|ge|emp|miss|über|unter|her)[a-zäöüß]{3}|.*ieren$")
_NL_NO_GE: Final = re.compile(r"(?:be|ver|ont|her|er|ge)[a-z]{3}")
_THEMES: Final = {"fr": ("er", "ir"), "es": ("ar", "er", "ir"), "pt": ("ar", "er", "ir"), "it": ("are", "ere", "ire")}
"""Endings of infinitives that are conjugated here; other verbs list their forms."""
_RU_ENDINGS: Final = {
    gender: {
        **dict.fromkeys(single.split(","), ""),
        **dict.fromkeys(plural.split(","), PLURAL),
        **dict.fromkeys(filter(None, either.split(",")), EITHER),
    }
    for gender, single, plural, either in (
        ("m", ",а,у,ом,е,я,ю,ем,ь", "ы,и,ов,ам,ами,ах,ей", ""),
        ("f", "а,у,ой,е,я,ю,ей,ь", ",ам,ами,ах", "ы,и"),
        ("n", "о,е,у,ю,ом,ем", "й,,ям,ями,ях", "а,я,и"),
        ("a", "ый,ий,ой,ая,яя,ое,ее,ого,его,ому,ему,ую,юю,ым,им,ом,ем,ей", "ые,ие,ых,их,ыми,ими", ""),
    )
}
"""Endings of Russian masculine, feminine and neuter nouns and of adjectives, with what each says of number."""


def plain(text: str, language: str) -> str:
    """Lower case, without accents; German umlauts alike however they are spelled ("koennen", "können", "konnen")."""
    text = text.casefold().replace("ё", "е")
    if language == "fr":
        # "à" is "to", "a" is "has".
        text = re.sub(r"\bà\b", _TO, text)
    folded = languages.fold(text, language).replace("’", "'")
    if language == "de":
        folded = _UMLAUT.sub(r"\1", folded)
    folded = folded.replace(_TO, "à")
    return re.sub(r"[\u064b-\u0652\u0640]", "", folded).translate(_ARABIC) if language == "ar" else folded


_ARABIC: Final = str.maketrans("أإآى", "اااي")
"""Hamza on alef and the dotless yeh are left out by many."""


@lru_cache(maxsize=16)
def verbs(language: str) -> dict[str, tuple[str, str]]:
    """Each form of the known verbs: the key of its group of synonyms, and its tense or person."""
    table: dict[str, tuple[str, str]] = {}
    late: list[tuple[str, tuple[str, str]]] = []
    for group in wordlists.groups(f"{language}_verbs"):
        key = "V:" + plain(re.split("[ /]", group[0])[0].replace("|", ""), language)
        for entry in group:
            head, *given = entry.split()
            for form, kind in _conjugate(head, language):
                late.append((form, (key, kind)))
            for form in given:
                kind = PAST if form.endswith("*") else ""
                table.setdefault(form.rstrip("*").casefold(), (key, kind))
                late.append((form.rstrip("*"), (key, kind)))
    for form, found in late:
        table.setdefault(form.casefold(), found)
    # A form written without its accents is the present before it is the past ("supprime" is not "supprimé").
    for form, found in sorted(table.copy().items(), key=lambda item: item[1][1] == PAST):
        table.setdefault(plain(form, language), found)
    return table


@lru_cache(maxsize=4)
def separable(language: str) -> dict[str, dict[str, tuple[str, str]]]:
    """Forms of separable verbs that stand apart from their particle: "zeige" -> {"an": ...}."""
    table: dict[str, dict[str, tuple[str, str]]] = {}
    for group in wordlists.groups(f"{language}_verbs"):
        key = "V:" + plain(re.split("[ /]", group[0])[0].replace("|", ""), language)
        for entry in group:
            head, *given = entry.split()
            particle, bar, base = head.partition("|")
            if not bar:
                continue
            apart = [(form, kind) for form, kind in _conjugate(base, language) if kind != PAST]
            apart += [(form, "") for form in given if not form.endswith("*") and not form.startswith(particle)]
            for form, kind in apart:
                table.setdefault(plain(form, language), {}).setdefault(plain(particle, language), (key, kind))
    return table


def _conjugate(head: str, language: str) -> Iterator[tuple[str, str]]:
    particle, bar, base = head.partition("|")
    if not bar:
        particle, base = "", head
    if language == "de":
        yield from _german(particle, base)
    elif language == "nl":
        yield from _dutch(particle, base)
    elif language in _THEMES and base.partition("/")[0].endswith(_THEMES[language]):
        base, _, changed = base.partition("/")
        make = {"fr": _french, "es": _spanish, "pt": _portuguese, "it": _italian}[language]
        yield from make(base, changed or base[: -3 if language == "it" else -2])
    elif language == "ru":
        yield base, ""
        if base.endswith("ть"):
            yield from ((base[:-2] + past, PAST) for past in ("л", "ла", "ли", "ло"))
        if base.endswith(("ать", "ять")):
            yield from ((base[:-2] + "й", ""), (base[:-2] + "йте", ""), (base[:-2] + "ю", ""))
        if base.endswith("ить"):
            yield from ((base[:-3] + "и", ""), (base[:-3] + "ите", ""))
    elif language == "pl":
        yield base, ""
        if base.endswith("ać"):
            yield from ((base[:-1] + "j", ""), (base[:-1] + "jcie", ""), (base[:-1] + "m", FIRST))
    elif language == "tr":
        yield from _turkish(base)
    else:
        yield base, ""


def _german(particle: str, base: str) -> Iterator[tuple[str, str]]:
    stem = base[:-2] if base.endswith("en") else base[:-1]
    yield particle + base, ""
    yield f"{particle}zu{base}" if particle else f"zu {base}", ""
    yield from ((particle + stem + ending, "") for ending in ("", "e", "t", "et", "st", "est"))
    ending = "et" if stem.endswith(("t", "d", "chn", "ffn")) else "t"
    ge = "" if _NO_GE.match(base) else "ge"
    yield particle + ge + stem + ending, PAST if ge else ""


def _dutch(particle: str, base: str) -> Iterator[tuple[str, str]]:
    bare = base[:-2] if base.endswith("en") else base[:-1]
    stems = {bare}
    if len(bare) > 2 and bare[-1] == bare[-2]:
        stems = {bare[:-1]}
    elif re.search(r"(?:^|[^aeiou])[aeou][bdfgklmnprstvz]$", bare):
        stems.add(bare[:-1] + bare[-2] + bare[-1])
    stems = {stem[:-1] + {"v": "f", "z": "s"}.get(stem[-1:], stem[-1:]) for stem in stems}
    yield particle + base, ""
    yield particle + "te" + base, ""
    ge = "" if _NL_NO_GE.match(base) else "ge"
    for stem in sorted(stems):
        yield from ((particle + stem, ""), (particle + stem + "t", ""), (particle + ge + stem + "d", PAST))
        if ge:
            yield particle + ge + stem + "t", PAST


def _french(base: str, stem: str) -> Iterator[tuple[str, str]]:
    yield base, ""
    if base.endswith("er"):
        soft = stem + "e" if stem.endswith("g") else stem
        yield from ((stem + e, "") for e in ("e", "es", "ez"))
        yield from ((base[:-2] + "ez", ""), (base[:-2] + "iez", ""), (soft + "ons", ""))
        yield from ((base[:-2] + e, PAST) for e in ("é", "ée", "és", "ées"))
    elif base.endswith("ir"):
        yield from ((stem + e, "") for e in ("is", "issez", "isse", "isses"))
        yield from ((stem + e, PAST) for e in ("i", "ie"))


def _spanish(base: str, stem: str) -> Iterator[tuple[str, str]]:
    theme, own = base[-2], base[:-2]
    soft = stem
    if theme == "a":
        for hard, written in (("c", "qu"), ("g", "gu"), ("z", "c")):
            if stem.endswith(hard):
                soft = stem[: -len(hard)] + written
                break
    here, there = ("a", "e") if theme == "a" else ("e", "a")
    yield from ((base, ""), (stem + here, ""), (soft + there, ""), (soft + there + "s", ""), (stem + "o", FIRST))
    yield from ((base[:-1] + "d", ""), (own + {"a": "á", "e": "é", "i": "í"}[theme] + "is", ""))
    for clitic in ("me", "nos"):
        yield from ((base + clitic, ""), (stem + here + clitic, ""), (soft + there + clitic, ""))
    done = own + ("ad" if theme == "a" else "id")
    yield from ((done + e, PAST) for e in ("o", "a", "os", "as"))
    yield from ((own + e, PAST) for e in (("ó", "aron") if theme == "a" else ("ió", "ieron")))


def _portuguese(base: str, stem: str) -> Iterator[tuple[str, str]]:
    theme, own = base[-2], base[:-2]
    soft = stem
    if theme == "a":
        for hard, written in (("c", "qu"), ("g", "gu"), ("ç", "c")):
            if stem.endswith(hard):
                soft = stem[:-1] + written
                break
    here, there = ("a", "e") if theme == "a" else ("e", "a")
    yield from ((base, ""), (stem + here, ""), (soft + there, ""), (soft + there + "s", ""), (stem + "o", FIRST))
    done = own + ("ad" if theme == "a" else "id")
    yield from ((done + e, PAST) for e in ("o", "a", "os", "as"))
    yield own + {"a": "ou", "e": "eu", "i": "iu"}[theme], PAST


def _italian(base: str, stem: str) -> Iterator[tuple[str, str]]:
    theme, own = base[-3], base[:-3]
    clitics = ("mi", "ci")
    hard = (
        stem + "h" if theme == "a" and stem.endswith(("c", "g")) else stem.removesuffix("i") if theme == "a" else stem
    )
    yield base, ""
    yield from ((base[:-1] + clitic, "") for clitic in clitics)
    if theme == "a":
        yield from ((stem + "a", ""), (hard + "i", ""), (stem + "o", FIRST), (own + "ate", ""))
        yield from ((stem + "a" + clitic, "") for clitic in clitics)
        done = own + "at"
    else:
        yield from ((stem + "i", ""), (stem + "a", ""), (stem + "o", FIRST), (own + theme + "te", ""))
        yield from ((stem + "i" + clitic, "") for clitic in clitics)
        done = own + ("ut" if theme == "e" else "it")
    yield from ((done + e, PAST) for e in "oaie")


def _turkish(stem: str) -> Iterator[tuple[str, str]]:
    vowel = (re.findall("[aeıioöuü]", stem) or ["e"])[-1]
    wide = "a" if vowel in "aıou" else "e"
    close = {"a": "ı", "ı": "ı", "e": "i", "i": "i", "o": "u", "u": "u", "ö": "ü", "ü": "ü"}[vowel]
    join = "y" if stem[-1] in "aeıioöuü" else ""
    yield from (
        (stem, ""),
        (stem + "m" + wide + "k", ""),
        (stem + join + close + "n", ""),
        (stem + join + close + "n" + close + "z", ""),
    )
    able = stem + join + wide + "bilir"
    yield from ((able, ""), (able + "im", ""), (stem + "r", ""), (stem + wide + "r", ""), (stem + close + "r", ""))
    yield from ((stem + "m" + wide + "n" + close, ""), (stem + "r" + close + "m", ""))


@lru_cache(maxsize=16)
def nouns(language: str) -> tuple[dict[str, tuple[str, str]], int]:
    """Each form of the known nouns and other words: the key of its group and its number; and the longest, in words."""
    table: dict[str, tuple[str, str]] = {}
    for group in wordlists.groups(f"{language}_nouns"):
        key = "N:" + plain(re.split(r"[/~]", group[0])[0], language)
        for entry in group:
            for form, number in _numbers(entry, language):
                folded = plain(form, language)
                if folded in table and table[folded][0] == key and table[folded][1] != number:
                    table[folded] = (key, EITHER)
                table.setdefault(folded, (key, number))
    return table, max((form.count(" ") + 1 for form in table), default=1)


def _numbers(entry: str, language: str) -> Iterator[tuple[str, str]]:
    stem, tilde, gender = entry.partition("~")
    if tilde:
        yield from ((stem + ending, number) for ending, number in _RU_ENDINGS[gender].items())
        return
    single, slash, plural = entry.partition("/")
    yield single, ""
    if slash:
        yield from ((form, PLURAL) for form in plural.split("/"))
    elif language in ("es", "pt", "fr") and " " not in single and single[-1] not in "sxz":
        yield single + ("s" if single[-1] in "aeiouéáêãó" or language == "fr" else "es"), PLURAL
