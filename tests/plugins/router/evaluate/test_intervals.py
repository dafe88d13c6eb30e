import random

import pytest

from tailrace_plugins.router.evaluate.intervals import LEAST_RESAMPLES, intervals
from tailrace_plugins.router.evaluate.metrics import Scored


def made(count, noise, seed=3):
    """A scorer that knows the outcomes but for noise, and one of chance, on the same rows."""
    draw = random.Random(seed)
    weak = [float(draw.random() < 0.6) for _ in range(count)]
    strong = [max(low, float(draw.random() < 0.7)) for low in weak]
    scores = [high - low + noise * draw.random() for low, high in zip(weak, strong, strict=True)]
    return Scored(scores, weak, strong), Scored([draw.random() for _ in weak], weak, strong)


def test_the_figure_lies_within_its_range():
    scored, other = made(400, 3.0)
    found = intervals(scored, other, 200, 1)
    figures = scored.metrics()
    assert found.apgr[0] < figures.apgr < found.apgr[1]
    assert found.cpt50[0] < figures.cpt50 < found.cpt50[1]
    assert found.cpt80[0] < figures.cpt80 < found.cpt80[1]
    difference = figures.apgr - other.metrics().apgr
    assert 0 < found.over_other[0] < difference < found.over_other[1]


def test_more_rows_are_surer():
    few, many = (intervals(*made(count, 3.0), 100, 1) for count in (100, 1_600))
    assert many.apgr[1] - many.apgr[0] < 0.5 * (few.apgr[1] - few.apgr[0])


def test_the_seed_decides():
    scored, other = made(100, 3.0)
    assert intervals(scored, other, 50, 1) == intervals(scored, other, 50, 1)
    assert intervals(scored, other, 50, 1) != intervals(scored, other, 50, 2)


def test_a_scorer_against_itself_differs_by_nothing():
    scored, _ = made(100, 3.0)
    assert intervals(scored, scored, 50, 1).over_other == (0.0, 0.0)


def test_both_scorers_get_the_same_rows():
    # The contrary scorer has 1 - APGR on the same rows: the difference then spreads exactly twice as far.
    draw = random.Random(5)
    weak = [float(draw.random() < 0.5) for _ in range(300)]
    scores = [3 * draw.random() - low for low in weak]
    one, two = Scored(scores, weak, [1.0] * 300), Scored([-score for score in scores], weak, [1.0] * 300)
    found = intervals(one, two, 100, 1)
    assert found.over_other == pytest.approx(tuple(2 * end - 1 for end in found.apgr), abs=0.003)


def test_steps_are_told():
    told = []
    intervals(*made(20, 1.0), 30, 1, lambda: told.append(1))
    assert len(told) == 30


def test_too_few_resamples_say_nothing():
    assert intervals(*made(50, 1.0), LEAST_RESAMPLES - 1, 1) is None
    assert intervals(*made(50, 1.0), 0, 1) is None


def test_rows_without_a_gap_say_nothing():
    scored = Scored([1.0, 2.0], [1.0, 1.0], [0.0, 1.0])
    assert intervals(scored, scored, 50, 1) is None
