"""Vectors as they come, as bytes, into numpy."""

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float32]
Matrix = NDArray[np.float32]
Ids = NDArray[np.int64]


def parsed(vector: bytes, dimension: int) -> Vector:
    """The vector behind `vector` (float32, little-endian), scaled to length 1 where it is not.

    Raises ValueError for another dimension, NaN, infinity or zero.
    """
    if len(vector) != 4 * dimension:
        raise ValueError(f"a vector of {len(vector)} bytes where {4 * dimension} belong")
    values: Vector = np.frombuffer(vector, dtype="<f4")
    square = float(values.dot(values))
    # NaN fails every comparison.
    if not 1e-12 < square < 1e12:
        raise ValueError("a vector of no direction")
    return values if abs(square - 1) < 1e-3 else (values / np.float32(square**0.5))
