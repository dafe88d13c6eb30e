"""The verdict: may the answer to one text be given to the other?"""

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from tailrace_plugins.semantic_cache.verifier import canon, foreign, languages, paraphrase, pieces, preamble
from tailrace_plugins.semantic_cache.verifier.align import explain
from tailrace_plugins.semantic_cache.verifier.costs import NEVER
from tailrace_plugins.semantic_cache.verifier.order import MOVED, rearranged, unordered
from tailrace_plugins.semantic_cache.verifier.reasons import why_not
from tailrace_plugins.semantic_cache.verifier.tokens import Token, lossless, marked, tokenise
from tailrace_plugins.semantic_cache.verifier.verdict import Verdict
from tailrace_plugins.semantic_cache.verifier.words import Word

MAX_CHARS: Final = 2_000
_DEFAULT_RATE: Final = 0.01
_LIKELY: Final = 0.8
"""Learned likelihood that is enough at the default rate: on pairs left out, under 1% of near-misses reach it."""


def candidate_floor(max_false_hit_rate: float) -> float:
    """The similarity below which a stored text need not be verified at all. Never rises with the rate allowed."""
    if max_false_hit_rate <= 0:
        return 0.95
    return max(0.4, min(0.9, 0.5 - 0.1 * math.log10(max_false_hit_rate / _DEFAULT_RATE)))


def verify(cached: str, asked: str, similarity: float, max_false_hit_rate: float = _DEFAULT_RATE) -> Verdict:
    """Whether the answer stored for `cached` may be given to `asked`. Symmetric in the two texts; never raises.

    `similarity` is the cosine of their sentence embeddings; the less similar, the less may differ. With a
    `max_false_hit_rate` of 0 only texts that are equal after lossless normalisation are the same.
    """
    verdict = explained(cached, asked, similarity, max_false_hit_rate)
    if verdict.same or max_false_hit_rate <= 0:
        return verdict
    words = _english(cached, asked)
    likely = paraphrase.likelihood(*words, similarity) if words is not None else 0.0
    return Verdict(True, "paraphrase", round(likely, 3)) if likely >= _needed(max_false_hit_rate) else verdict


def explained(cached: str, asked: str, similarity: float, max_false_hit_rate: float = _DEFAULT_RATE) -> Verdict:
    """What the rules alone say: yes only where every difference is known to be harmless."""
    one, other = sorted((lossless(cached), lossless(asked)))
    if one == other:
        return Verdict(True, "same-words", 1.0)
    limit = allowance(similarity, max_false_hit_rate)
    if limit <= 0:
        return Verdict(False, "too-different", 0.0)
    if len(one) > MAX_CHARS or len(other) > MAX_CHARS:
        return Verdict(False, "length", 0.0)
    if one.replace("`", "") == other.replace("`", ""):
        # One of them marks code as code, the other leaves it bare; no byte of it differs.
        return Verdict(True, "same-words", 0.98)
    one, other = marked(one, other)
    mine, yours = _tokens(one), _tokens(other)
    if max(len(mine), len(yours)) > canon.MAX_WORDS:
        return Verdict(False, "length", 0.0)
    language = languages.common(list(mine), list(yours))
    if language is None:
        return Verdict(False, "language", 0.0)
    return _compare(mine, yours, language, limit)


def unexplained(cached: str, asked: str, similarity: float) -> paraphrase.Features | None:
    """What `paraphrase` judges two texts by; for learning its weights."""
    words = _english(cached, asked)
    return paraphrase.features(*words, similarity) if words is not None else None


def _english(cached: str, asked: str) -> tuple[tuple[Word, ...], tuple[Word, ...]] | None:
    """Both texts as words, where they are English and not too long."""
    one, other = sorted((lossless(cached), lossless(asked)))
    if len(one) > MAX_CHARS or len(other) > MAX_CHARS:
        return None
    mine, yours = map(_tokens, marked(one, other))
    if max(len(mine), len(yours)) > canon.MAX_WORDS or languages.common(list(mine), list(yours)) != "en":
        return None
    return _reading(mine, "en").words, _reading(yours, "en").words


def _needed(max_false_hit_rate: float) -> float:
    """How likely two questions without an explanation must be the same: more for a lower rate."""
    return max(0.5, 1.0 - (1.0 - _LIKELY) * math.sqrt(max_false_hit_rate / _DEFAULT_RATE))


def allowance(similarity: float, max_false_hit_rate: float) -> float:
    """What the differences of a pair may cost together: less for a lower rate, less for a lower similarity."""
    if not max_false_hit_rate > 0 or math.isnan(similarity):
        return 0.0
    base = min(2.0, math.sqrt(max_false_hit_rate / _DEFAULT_RATE))
    return base * min(1.0, max(0.15, (similarity - 0.5) / 0.42))


def _compare(mine: tuple[Token, ...], yours: tuple[Token, ...], language: str, limit: float) -> Verdict:
    one, other = _reading(mine, language), _reading(yours, language)
    if not one.sentences or not other.sentences:
        # Nothing but greetings or signs: there is nothing to compare by.
        same = [token.text for token in mine] == [token.text for token in yours]
        return Verdict(same, "same-words" if same else "other-words", 0.9 if same else 0.0)
    cost = min(_cost(one.sentences, other.sentences, language, limit), preamble.cost(one, other))
    if cost > limit:
        # What the languages of `foreign` have besides: verb forms, free word order, their own frames of asking.
        cost = foreign.cost(mine, yours, language)
    if cost <= limit:
        reason = "same-words" if cost == 0.0 else "paraphrase"
        return Verdict(True, reason, round(max(0.5, 1.0 - 0.4 * cost), 3))
    return Verdict(False, why_not(one.words, other.words), 0.0)


def _cost(one: Sequence[Sequence[Word]], other: Sequence[Sequence[Word]], language: str, limit: float) -> float:
    """Sentence by sentence where there are as many; else as one run of words."""
    if len(one) != len(other):
        flat_one = [word for sentence in one for word in sentence]
        flat_other = [word for sentence in other for word in sentence]
        return _sentence_cost(flat_one, flat_other, language, limit) + MOVED
    total = 0.0
    for mine, yours in zip(one, other, strict=True):
        total += _sentence_cost(mine, yours, language, limit)
        if total > limit:
            return NEVER
    return total


def _sentence_cost(mine: Sequence[Word], yours: Sequence[Word], language: str, limit: float) -> float:
    one, other = unordered(mine), unordered(yours)
    best = explain(one, other, language, limit)
    if best <= limit:
        return best
    for cost, arranged in rearranged(one, other, language):
        best = min(best, cost + explain(one, arranged, language, limit))
    return min(best, pieces.cost(mine, yours, limit)) if language == "en" and best > limit else best


# One text is compared with a handful of candidates in a row: enough for that, and no store of what people wrote.
@lru_cache(maxsize=16)
def _tokens(text: str) -> tuple[Token, ...]:
    return tuple(tokenise(text))


@lru_cache(maxsize=16)
def _reading(tokens: tuple[Token, ...], language: str) -> canon.Reading:
    return canon.read(list(tokens), language)
