"""What is a vector, and what is not."""

import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace.embed.vectors import is_unit, unit


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=64).filter(lambda v: math.hypot(*v) > 1e-3))
def test_unit_keeps_the_direction(values):
    made = struct.unpack(f"<{len(values)}f", unit(values))
    length = math.hypot(*values)
    assert all(one == pytest.approx(value / length, abs=1e-6) for one, value in zip(made, values, strict=True))
    assert is_unit(unit(values), len(values))


@pytest.mark.parametrize(
    "values",
    [[], [0.0, 0.0], [math.nan, 1.0], [math.inf, 1.0], [1e-30, 0], ["1", 2], [None], [[1.0]], [10**400, 1]],
)
def test_no_vector(values):
    assert unit(values) is None


@pytest.mark.parametrize(
    ("vector", "is_one"),
    [
        (struct.pack("<2f", 1, 0), True),
        (struct.pack("<2f", 0.6, -0.8), True),
        (struct.pack("<2f", 0, 0), False),
        (struct.pack("<2f", math.nan, 1), False),
        (struct.pack("<2f", math.inf, 1), False),
        (struct.pack("<2f", 3, 4), False),
        (struct.pack("<3f", 1, 0, 0), False),
        (struct.pack("<2f", 1, 0)[:-1], False),
        (b"", False),
    ],
)
def test_is_unit(vector, is_one):
    assert is_unit(vector, 2) is is_one


def test_nothing_has_no_dimension():
    assert not is_unit(b"", 0)
