"""How the time of some work grows with its size: a ratio within one run, since machines differ and are busy."""

import gc
from collections.abc import Callable
from time import process_time

FACTOR = 4
MOST = 10
"""Times longer for four times the size: 4 where it grows with the size alone, 16 where it grows with its square."""
_LEAST_S = 0.002


def assert_grows_with_size_alone(work: Callable[[int], object], small: int) -> None:
    """Do the work for a size and for four times that; the best of three each, without the garbage collector."""
    gc.collect()
    gc.disable()
    try:
        work(small)
        few, many = (min(_took(work, size) for _ in range(3)) for size in (small, FACTOR * small))
    finally:
        gc.enable()
    assert many < MOST * max(few, _LEAST_S), f"{few:.4f} s for {small}, {many:.4f} s for {FACTOR * small}"


def _took(work: Callable[[int], object], size: int) -> float:
    began = process_time()
    work(size)
    return process_time() - began
