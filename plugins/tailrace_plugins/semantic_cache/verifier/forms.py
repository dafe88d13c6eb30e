"""English word forms: a word's lemma and what its ending said, so that only harmless endings may differ."""

import re
from functools import lru_cache
from typing import Final, Literal

from tailrace_plugins.semantic_cache.verifier import languages, wordlists

Form = Literal["", "s", "ed", "en", "ing"]
"""Bare, plural or third person, past, past participle, -ing."""

_VOWEL: Final = re.compile(r"[aeiouy]")
_KEEP_E: Final = re.compile(
    r"(?:at|iz|is|v|[^aeiou]c|uc|ic|ac|[dn]g|ag|[bcdgpt]l|ur|ir|ut|ak|ok|os|as|nc|rs|ns|eas|am|ak|id|in[^aeiou]?e)$"
)
_NOT_ING: Final = frozenset(
    "thing nothing something anything everything king ring sing string spring bring wing sling being morning evening "
    "during building meeting ceiling wedding boring interesting sibling pricing sterling bling".split()
)
_NOT_ED: Final = frozenset(
    "need feed seed speed weed indeed bed red shed sled hundred embed exceed proceed succeed".split()
)
_PLURALS: Final = frozenset("men women children feet teeth mice geese criteria phenomena bacteria fungi cacti".split())
_NOT_S: Final = re.compile(r"(?:ss|us|is|as|ous|'s)$")


@lru_cache(maxsize=1)
def _verbs() -> tuple[frozenset[str], dict[str, tuple[str, Form]]]:
    """Known base forms, and the irregular forms with what they are."""
    bases: set[str] = set()
    irregular: dict[str, tuple[str, Form]] = {}
    for line in wordlists.lines("en_verbs"):
        if "," in line or " " not in line:
            bases.update(word.strip() for word in line.split(",") if word.strip())
            continue
        base, past, participle = line.split()
        bases.add(base)
        irregular.setdefault(past, (base, "ed"))
        irregular.setdefault(participle, (base, "en"))
    return frozenset(bases), {form: found for form, found in irregular.items() if form not in bases}


@lru_cache(maxsize=1)
def _forms() -> dict[str, str]:
    entries = (entry for line in wordlists.lines("en_forms") for entry in line.split(",") if entry.strip())
    return {entry.split()[0]: entry.split()[1] for entry in entries}


@lru_cache(maxsize=4096)
def lemma(word: str) -> tuple[str, Form]:
    """The lemma of a lower-case English word, and the form it stood in. Unknown words come back as they are."""
    forms = _forms()
    bases, irregular = _verbs()
    if word in forms:
        base = forms[word]
        if word == base or word[:3] != base[:3]:
            return base, "s" if word != base and word[-1:] in "sne" else ""
        return base, _ending(word, base)
    if word in irregular:
        return irregular[word]
    if word in bases or len(word) < 4 or not word.isascii():
        return _spelling(word), ""
    return _regular(word, bases)


def is_verb(base: str) -> bool:
    """Whether a lemma is known to be a verb (it may be a noun as well)."""
    return base in _verbs()[0]


def past(word: str) -> str:
    """A participle as the past tense it belongs to: "written" -> "wrote"; a regular one is its own past."""
    base, form = lemma(word)
    if form not in ("ed", "en"):
        return word
    return next((past for past, (verb, kind) in _verbs()[1].items() if verb == base and kind == "ed"), word)


def _ending(word: str, base: str) -> Form:
    if word.endswith("ing"):
        return "ing"
    if word.endswith("ed") or (word.endswith("t") and not base.endswith("t")):
        return "ed"
    return "s" if (word.endswith("s") and not base.endswith("s")) or word in _PLURALS else ""


def _regular(word: str, bases: frozenset[str]) -> tuple[str, Form]:
    if word.endswith("ing") and len(word) > 5 and word not in _NOT_ING:
        stem = _stem(word[:-3], bases)
        return (_spelling(stem), "ing") if stem else (word, "")
    if word.endswith("ied") and len(word) > 4:
        return word[:-3] + "y", "ed"
    if word.endswith("ed") and len(word) > 4 and word not in _NOT_ED and not word.endswith("eed"):
        stem = _stem(word[:-2], bases)
        return (_spelling(stem), "ed") if stem else (word, "")
    if word.endswith("s") and not _NOT_S.search(word):
        return _spelling(_singular(word, bases)), "s"
    return _spelling(word), ""


def _stem(stem: str, bases: frozenset[str]) -> str:
    """The verb behind a stem that lost -ing or -ed; empty when the stem cannot be one."""
    if not _VOWEL.search(stem):
        return ""
    for candidate in (stem, stem + "e", stem[:-1] if stem[-1:] == stem[-2:-1] else ""):
        if candidate and _spelling(candidate) in bases:
            return candidate
    if stem[-1:] == stem[-2:-1] and stem[-1:] not in "lsz":
        return stem[:-1]
    if len(stem) < 4:
        return ""
    return stem + "e" if _KEEP_E.search(stem) else stem


def _singular(word: str, bases: frozenset[str]) -> str:
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith("es"):
        if word[:-1] in bases:
            return word[:-1]
        if word.endswith(("sses", "shes", "ches", "xes", "zes", "oes")):
            return word[:-2]
    return word[:-1]


def _spelling(word: str) -> str:
    """American spelling of -ise and -isation, for words long enough that the ending is one."""
    known = _forms().get(word)
    if known is not None:
        return known
    if len(word) > 6 and word.endswith(("nise", "lise", "rise", "mise", "tise", "gise", "dise")) and word not in _ISE:
        return word[:-3] + "ize"
    if len(word) > 8 and "isation" in word:
        return word.replace("isation", "ization")
    return word


_ISE: Final = frozenset(
    "surprise comprise compromise promise premise exercise advertise precise concise enterprise sunrise otherwise "
    "likewise expertise franchise merchandise disguise improvise supervise televise revise advise devise practise "
    "paradise treatise demise".split()
)


def lexical(entry: str, language: str) -> list[str]:
    """The words of a lexicon's entry as they are looked up: folded; English lemmas, "require/ed" for "required"."""
    words = languages.fold(entry.replace("-", " "), language)
    if language != "en":
        return words.replace("'", "' ").split()
    found = ((word, "") if word.startswith("@") else lemma(word) for word in words.split())
    return [base if form in ("", "s") else f"{base}/{form}" for base, form in found]
