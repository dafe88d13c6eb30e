"""POST /v1/embeddings: vectors that are alike where the words are alike."""

from __future__ import annotations

import base64
import re
from array import array
from collections.abc import Mapping
from functools import lru_cache
from hashlib import blake2b
from math import sqrt
from typing import Any

from .ask import model_of, whole
from .dice import Dice
from .errors import Refusal
from .tokens import count

_DIMENSIONS = {"text-embedding-3-large": 3072}
_DEFAULT_DIMENSIONS = 1536
_SPREAD = 8
_WORD = re.compile(r"\w+")


def written(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the list of embeddings a request asks for, as floats or base64."""
    model = model_of(body)
    inputs = _inputs(body.get("input"))
    dimensions = whole(body, "dimensions", 1, 8192) or _DIMENSIONS.get(model, _DEFAULT_DIMENSIONS)
    packed = body.get("encoding_format") == "base64"
    tokens = sum(len(one) if isinstance(one, tuple) else count(one) for one in inputs)
    data = []
    for index, one in enumerate(inputs):
        made = vector(" ".join(map(str, one)) if isinstance(one, tuple) else one, dimensions)
        value = base64.b64encode(made.tobytes()).decode() if packed else made.tolist()
        data.append({"object": "embedding", "index": index, "embedding": value})
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return {"object": "list", "data": data, "model": model, "usage": usage}


@lru_cache(maxsize=1024)
def vector(text: str, dimensions: int) -> array[float]:
    """Return a unit vector of 32-bit floats: each word adds to a few components its hash chooses.

    Texts that share words have a high cosine; the order of the words moves it a little.
    """
    sums = [0.0] * dimensions
    before = ""
    for word in _WORD.findall(text.lower()) or [text]:
        for feature, weight in ((word, 1.0), (f"{before} {word}", 0.4)):
            dice = Dice(int.from_bytes(blake2b(feature.encode(), digest_size=8).digest(), "big"))
            for _ in range(_SPREAD):
                bits = dice.roll()
                sums[(bits >> 1) % dimensions] += weight if bits & 1 else -weight
        before = word
    length = sqrt(sum(one * one for one in sums)) or 1.0
    return array("f", [one / length for one in sums])


def _inputs(given: Any) -> list[str | tuple[int, ...]]:
    if isinstance(given, str) and given:
        return [given]
    if isinstance(given, list) and given:
        if all(isinstance(one, int) for one in given):
            return [tuple(given)]
        if len(given) <= 2048 and all(isinstance(one, str | list) and one for one in given):
            return [one if isinstance(one, str) else tuple(one) for one in given]
    raise Refusal(400, "'$.input' is invalid. Please check the API reference.", param="input")
