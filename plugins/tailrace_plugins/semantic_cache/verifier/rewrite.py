"""Rewriting rules over sentences: a small pattern language in data files, each rule tried on the whole sentence.

The language is told at the head of `data/en_frames.txt`. Patterns hold at most a few open slots and sentences are short
(`canon.MAX_WORDS`), so the time a rule takes is bounded.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from tailrace_plugins.semantic_cache.verifier import languages, wordlists

_SLOT: Final = "(.+ )"
_BOUNDED: Final = {2: r"((?:[^ ]+ ){1,20})", 3: r"((?:[^ ]+ ){1,9})"}
_ROUNDS: Final = 12
"""Rewritings of one sentence at most, in case two rules undo each other."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A compiled pattern, what to put in its place, and the words it can begin with (None: any).

    Of each set in `needs` a sentence has at least one word if the pattern fits: a cheap check before the pattern.
    """

    pattern: re.Pattern[str]
    replacement: str
    first: frozenset[str] | None
    needs: tuple[frozenset[str], ...] = ()


def compile_rule(line: str, macros: dict[str, str]) -> Rule:
    """Compile "pattern => replacement". Raises ValueError on a line without the arrow or with a `$n` too many."""
    left, arrow, right = line.partition("=>")
    if not arrow:
        raise ValueError(f"a rule without =>: {line}")
    for name, words in macros.items():
        left = left.replace(f"<{name}>", f"({words})" if f" <{name}> " in f" {left} " else words)
    elements = _elements(left.strip())
    pattern = "".join(_piece(element) for element in elements)
    slots = pattern.count(_SLOT)
    if slots > 1:
        # Several open slots multiply the ways to try; all but the last take a bounded number of words.
        pattern = pattern.replace(_SLOT, _BOUNDED[min(slots, 3)], slots - 1)
    compiled = re.compile(pattern)
    if any(int(ref) > compiled.groups for ref in re.findall(r"\$(\d)", right)):
        raise ValueError(f"a rule that puts in what it did not keep: {line}")
    return Rule(compiled, right.strip(), _first_words(elements), _needs(elements))


def _elements(left: str) -> list[str]:
    """Split at the blanks that stand in no bracket."""
    out, depth, current = [], 0, ""
    for char in left:
        depth += (char in "({") - (char in ")}")
        if char == " " and not depth:
            out.append(current)
            current = ""
        else:
            current += char
    return [element for element in [*out, current] if element]


def _piece(element: str) -> str:
    optional = element.endswith("?")
    bare = element[:-1] if optional else element
    if bare in ("*", "{*}"):
        return _SLOT
    if "{" in bare and not (bare.startswith("{") and bare.endswith("}")):
        # A word of which a part is kept: "{[a-z]+}e" keeps the stem of "storniere".
        body = bare.replace("{", "(").replace("}", ")") + " "
    elif bare.startswith("{"):
        body = f"({_inner(bare[1:-1])}) "
    elif bare.startswith("("):
        body = f"(?:{_inner(bare[1:-1])}) "
    else:
        body = re.escape(bare) + " "
    return f"(?:{body})?" if optional else body


def _inner(body: str) -> str:
    """Inside brackets: optional groups take their blank along, open slots run to the end of a word."""
    body = re.sub(r" \(([^()]*)\)\? ", r"(?: (?:\1))? ", body)
    body = re.sub(r"\((?!\?)", "(?:", body)
    return body.replace("*", r"[^,]{1,80}?")


def _needs(elements: list[str]) -> tuple[frozenset[str], ...]:
    """For each element that must be there and is made of plain words: one word of each of its alternatives."""
    out: list[frozenset[str]] = []
    for element in elements:
        bare = element[1:-1] if element[0] in "({" else element
        if element.endswith("?") or element[0] in "({" and element[-1] not in ")}" or set(bare) & set("*[](){}.?\\"):
            continue
        out.append(frozenset(option.split()[0] for option in bare.split("|") if option.strip()))
    return tuple(out)


def _first_words(elements: list[str]) -> frozenset[str] | None:
    firsts: set[str] = set()
    for element in elements:
        bare = element.rstrip("?")
        if bare in ("*", "{*}") or ("{" in bare and not (bare.startswith("{") and bare.endswith("}"))):
            return None
        body = bare[1:-1] if bare[0] in "({" else bare
        if "(" in body or "*" in body:
            return None
        firsts.update(option.split()[0] for option in body.split("|"))
        if not element.endswith("?"):
            return frozenset(firsts)
    return None


class Rules:
    """Rules in the order of their file, looked up by the first word of a sentence."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._rules = tuple(rules)
        self._by_first: dict[str, tuple[Rule, ...]] = {}
        self._any = tuple(rule for rule in self._rules if rule.first is None)

    def rewrite(self, sentence: str) -> str:
        """Apply rules until none fits. Words stand single-blanked; the result does too."""
        for _ in range(_ROUNDS):
            changed = self._once(sentence)
            if changed == sentence:
                break
            sentence = changed
        return sentence

    def _once(self, sentence: str) -> str:
        first, _, _ = sentence.partition(" ")
        rules = self._by_first.get(first)
        if rules is None:
            rules = tuple(rule for rule in self._rules if rule.first is None or first in rule.first)
            known = any(rule.first is not None for rule in rules)
            if known:
                self._by_first[first] = rules
        padded = sentence + " "
        words = frozenset(sentence.split())
        for rule in rules:
            if any(words.isdisjoint(need) for need in rule.needs):
                continue
            found = rule.pattern.fullmatch(padded)
            if found is None or rule.replacement == "$0":
                if found is not None:
                    return sentence
                continue
            filled = re.sub(r"\$(\d)", lambda ref, f=found: f.group(int(ref.group(1))) or "", rule.replacement)  # type: ignore[misc]
            return " ".join(filled.split())
        return sentence


@lru_cache(maxsize=32)
def load(name: str) -> Rules:
    """The rules of `data/<name>_frames.txt`; no rules without such a file."""
    macros: dict[str, str] = {}
    for line in wordlists.lines(f"{name}_macros"):
        key, _, words = line.partition("=")
        macros[key.strip()] = words.strip()
    macros = {key: languages.fold(words, name) for key, words in macros.items()}
    return Rules(compile_rule(languages.fold(line, name), macros) for line in wordlists.lines(f"{name}_frames"))
