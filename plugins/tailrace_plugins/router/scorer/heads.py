"""One set of weights over the terms of a request, and what it makes of them."""

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp, isfinite
from operator import mul
from sys import byteorder
from typing import Final

from tailrace_plugins.router.scorer.score import Part

EMBEDDING_SIZE: Final = 384
"""Of all-MiniLM-L6-v2, float32: what vectors the weights were learnt on."""
_FLOAT_BYTES: Final = 4
_STEEPEST: Final = 30.0
"""Logits beyond it are as good as certain, and exp would not end well."""


@dataclass(frozen=True, slots=True)
class Head:
    """Weights in logit space: `terms` for every question, `choice` besides for those that give options to choose from.

    Questions with options are answered by picking one, so that what makes an open question hard (its length, say)
    makes them hard to another degree. `vector` weighs the components of the embedding of an open question,
    `choice_vector` of one with options; both are empty without.
    """

    bias: float
    terms: Mapping[str, float]
    choice: Mapping[str, float]
    vector: tuple[float, ...] = ()
    choice_vector: tuple[float, ...] = ()

    def parts(self, terms: Mapping[str, float], embedding: Sequence[float] | None = None) -> list[Part]:
        """What each term adds, the bias first, in the order of the weights; terms that are 0 are left out."""
        chosen = self.choice if terms.get("options") else {}
        found = [Part("bias", 1.0, self.bias)]
        for name, weight in self.terms.items():
            value = terms.get(name, 0.0)
            if value:
                found.append(Part(name, value, weight + chosen.get(name, 0.0)))
        if self.vector and embedding is not None:
            weights = self.choice_vector if terms.get("options") else self.vector
            found.append(Part("meaning", sum(map(mul, weights, embedding)), 1.0))
        return found


def logistic(logit: float) -> float:
    """The probability that belongs to a logit."""
    return 1.0 / (1.0 + exp(-max(-_STEEPEST, min(_STEEPEST, logit))))


def unpacked(embedding: bytes | None) -> Sequence[float] | None:
    """The numbers of an embedding (float32, little-endian); None for one of another size or of no use."""
    if embedding is None or len(embedding) != EMBEDDING_SIZE * _FLOAT_BYTES:
        return None
    values = array("f")
    values.frombytes(embedding)
    if byteorder == "big":
        values.byteswap()
    square = sum(map(mul, values, values))
    # NaN fails the comparison; what is no unit vector is no sentence of that model.
    return values if isfinite(square) and 0.9 < square < 1.1 else None
