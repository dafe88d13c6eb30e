"""What is a vector."""

import math

import numpy as np
import pytest

from tailrace_plugins.semantic_cache.index.vectors import parsed


def packed(*values: float) -> bytes:
    return np.array(values, "<f4").tobytes()


def test_a_unit_vector_is_taken_as_it_is():
    assert parsed(packed(0.6, 0.8), 2).tolist() == pytest.approx([0.6, 0.8])


def test_others_are_scaled():
    assert parsed(packed(3, 4), 2).tolist() == pytest.approx([0.6, 0.8])


@pytest.mark.parametrize(
    "vector",
    [b"", packed(1), packed(1, 0, 0), packed(1, 0)[:-1], packed(0, 0), packed(math.nan, 1), packed(math.inf, 1)],
)
def test_refused(vector):
    with pytest.raises(ValueError):
        parsed(vector, 2)
