"""From a text to its canonical words: everything harmless unified, everything else kept."""

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

from tailrace_plugins.semantic_cache.verifier import (
    english,
    languages,
    measures,
    numbers,
    qualities,
    rewrite,
    sorting,
    unspaced,
    wordlists,
)
from tailrace_plugins.semantic_cache.verifier.forms import Form, is_verb, lemma, lexical
from tailrace_plugins.semantic_cache.verifier.tokens import Token
from tailrace_plugins.semantic_cache.verifier.words import Word

MAX_WORDS: Final = 160
"""Longer texts are compared byte by byte: their parts cannot be explained in bounded time."""

_LITERAL: Final = 0xF0000
"""First sign of a private plane: literals travel through the rewriting as one such sign each."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A text as its sentences, each a tuple of canonical words."""

    sentences: tuple[tuple[Word, ...], ...]

    @property
    def words(self) -> tuple[Word, ...]:
        """All of them in one row."""
        return tuple(word for sentence in self.sentences for word in sentence)


def read(tokens: list[Token], language: str) -> Reading:
    """The canonical form of a text in `language` (a code of `languages`)."""
    literals: list[str] = []
    accents = _accents(tokens, language)
    capitals = _capitals(tokens)
    rules = rewrite.load(language)
    sentences: list[tuple[Word, ...]] = []
    for raw in _wishes(_sentences(tokens, literals, language)):
        if language == "en":
            raw = sorting.unify(english.unfilled(raw))
        text = " ".join(english.lead(raw) if language == "en" else raw).strip(" ,")
        if not text or text in _fillers(language):
            continue
        if language in unspaced.LANGUAGES:
            found = [_literal(word, literals) for word in unspaced.words(text, language)]
            sentences.extend([tuple(found)] if found else [])
            continue
        text = rewrite.load("shared").rewrite(rules.rewrite(text)).strip(" ,")
        words = text.split()
        if language == "en":
            words = _resolve(english.unfold(english.causes(words)), rules)
            active = english.particles(english.anybody(english.activate(words)))
            words = active if active == words else _resolve(active, rules)
            words = english.letters(english.denied(english.one_person(words, raw)))
        words = numbers.unify(words)
        if language == "en":
            words = measures.unify(words)
        if words and " ".join(words) not in _fillers(language):
            grouped = _group([_word(w, literals, capitals, language, accents) for w in words], language)
            sentences.append(tuple(qualities.front(_asked(grouped)) if language == "en" else grouped))
    return Reading(tuple(sentences))


def _resolve(words: list[str], rules: rewrite.Rules) -> list[str]:
    """Rules see the sentence once more, now that its question has the common order."""
    return english.unfold(rules.rewrite(" ".join(words)).split())


def _wishes(sentences: list[list[str]]) -> list[list[str]]:
    """ "I want to X. How can I do that?" is one question, which a rule of the frames knows."""
    out: list[list[str]] = []
    for sentence in sentences:
        wish = out and " ".join(out[-1][:3]) in _WISHES and len(sentence) <= 6 and {"do", "start"} & set(sentence[-2:])
        if wish or (len(sentences) == 2 and out and out[0][0] in _TELLING and tuple(sentence[:1]) in _ASKS):
            # "My tooth fell out. What do I do?" is one question about a case.
            out[-1] = [*out[-1], ",", *sentence]
        else:
            out.append(sentence)
    return out


_TELLING: Final = frozenset({"i", "my", "we", "our", "there"})
_ASKS: Final = frozenset({("how",), ("what",)})
_WISHES: Final = frozenset({"i want to", "i need to", "i would like"})


def _asked(words: list[Word]) -> list[Word]:
    """Drop verb forms that say nothing after their head: how something is made asks how to make it."""
    if len(words) > 1 and words[0].key == "@howto":
        words[1] = replace(words[1], form="")
    if words and words[0].key == "@seq":
        after = [word.key for word in words[1:]] + [""]
        words = [word for word, key in zip(words, after, strict=True) if key != "|" or word.key not in ("and", ",")]
        heads = {1, next((at for at, word in enumerate(words) if word.key == "|"), 0) + 1}
        return [replace(word, form="") if at in heads else word for at, word in enumerate(words)]
    if [word.key for word in words[:2]] == ["@can", "i"] and len(words) > 2:
        words[2] = replace(words[2], form="")
    if words and words[0].key in ("@happen", "@whattodo"):
        # "What would happen if it stopped" asks what happens if it stops.
        return [replace(word, form="") if word.form == "ed" else word for word in words]
    return words


def _sentences(tokens: list[Token], literals: list[str], language: str) -> list[list[str]]:
    sentences: list[list[str]] = [[]]
    for token in tokens:
        if token.kind == "end":
            sentences.append([])
        elif token.kind == "exact" or (token.kind == "mark" and token.text not in ",%$€£₹¥-&°"):
            literals.append(token.text)
            sentences[-1].append(chr(_LITERAL + len(literals) - 1))
        elif token.text == "&":
            sentences[-1].append("and")
        elif language == "en":
            sentences[-1].extend(english.expand(token.text))
        else:
            sentences[-1].extend(languages.fold(token.text, language).replace("'", "' ").split())
    return [sentence for sentence in sentences if sentence]


def _capitals(tokens: list[Token]) -> frozenset[str]:
    """Words with a capital inside a sentence; none in a text all in capitals."""
    plain = [token for token in tokens if token.kind == "word"]
    if sum(token.raw[:1].isupper() for token in plain) > 0.9 * len(plain) and len(plain) > 3:
        return frozenset()
    return frozenset(
        token.text.removesuffix("'s")
        for before, token in zip(tokens, tokens[1:], strict=False)
        if token.kind == "word" and token.raw[:1].isupper() and before.kind != "end"
    )


def _accents(tokens: list[Token], language: str) -> dict[str, str] | None:
    """Each word as it was spelled, by its form without accents; None in a language without any."""
    if language not in languages.ACCENTED:
        return None
    parts = (part for token in tokens if token.kind == "word" for part in token.text.replace("'", "' ").split())
    return {languages.fold(part, language): part for part in parts}


def _literal(word: Word, literals: list[str]) -> Word:
    """The word itself, or the literal that its sign stands for."""
    if ord(word.key[0]) < _LITERAL:
        return word
    raw = literals[ord(word.key[0]) - _LITERAL]
    return Word("`" + raw, raw=raw)


def _word(
    text: str, literals: list[str], capitals: frozenset[str], language: str, accents: dict[str, str] | None = None
) -> Word:
    if ord(text[0]) >= _LITERAL:
        return _literal(Word(text), literals)
    capital = text in capitals and text != "i"
    if accents is not None:
        # A word that a rule put in was never spelled by anybody, so its accents cannot tell.
        plain = text not in accents or all(spelled.isascii() for spelled in accents.values())
        return Word(text, raw=accents.get(text, text), capital=capital, plain=plain)
    if text.startswith("@") or language != "en" or any(char.isdigit() for char in text):
        return Word(text, raw=text, capital=capital)
    key, form = (text, "") if capital and text.endswith("s") and not text.endswith("ians") else lemma(text)
    return Word(key, form, text, capital)  # type: ignore[arg-type]


@lru_cache(maxsize=32)
def _fillers(language: str) -> frozenset[str]:
    return frozenset(languages.fold(entry, language) for entry in wordlists.words(f"{language}_fillers"))


@lru_cache(maxsize=32)
def _phrases(language: str) -> dict[str, list[tuple[tuple[str, ...], str]]]:
    """Phrases by their first lemma, longest first, each with the key of its group."""
    table: dict[str, list[tuple[tuple[str, ...], str]]] = {}
    for group in wordlists.groups(f"{language}_same"):
        keys = [_lemmas(entry, language) for entry in group]
        key = " ".join(keys[0])
        for phrase in keys:
            table.setdefault(phrase[0].partition("/")[0], []).append((phrase, key))
    near = (entry for group in wordlists.groups(f"{language}_near") for entry in group)
    light = (entry.strip() for line in wordlists.lines(f"{language}_light") for entry in line.split(":")[1].split(","))
    for entry in sorted({entry for entry in (*near, *light) if " " in entry}):
        # A phrase of another list is one word too, the last to be tried among those of its length.
        phrase = _lemmas(entry, language)
        table.setdefault(phrase[0].partition("/")[0], []).append((phrase, " ".join(phrase)))
    for phrases in table.values():
        # "required" is looked for as itself before it is a form of "require".
        phrases.sort(key=lambda entry: (-len(entry[0]), not any("/" in word for word in entry[0])))
    return table


def _lemmas(entry: str, language: str) -> tuple[str, ...]:
    return tuple(lexical(entry, language))


def _group(words: list[Word], language: str) -> list[Word]:
    """Replace each phrase of the lexicon by the key of its group, longest phrase first, left to right."""
    table = _phrases(language)
    out: list[Word] = []
    at = 0
    while at < len(words):
        word = words[at]
        for phrase, key in table.get(word.key, ()):
            window = words[at : at + len(phrase)]
            if len(window) == len(phrase) and all(_fits(w, p) for w, p in zip(window, phrase, strict=True)):
                form: Form = next((w.form for w, p in zip(window, phrase, strict=True) if w.form and "/" not in p), "")
                out.append(Word(key, form, " ".join(w.raw for w in window), any(w.capital for w in window), word.plain))
                at += len(phrase)
                break
        else:
            out.append(word)
            at += 1
    return out


def _fits(word: Word, entry: str) -> bool:
    """Whether a word is an entry of the lexicon; one written as a participle ("required") wants a participle."""
    key, inflected, form = entry.partition("/")
    if word.key != key:
        return False
    if not inflected:
        # "fasting" is no form of the adverb "fast"; only verbs have such forms.
        return word.form in ("", "s") or not word.raw.isascii() or is_verb(key) or not word.form
    return word.form == form or {word.form, form} == {"ed", "en"}
