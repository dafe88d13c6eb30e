import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace_plugins.router.evaluate.metrics import Cost, Point, Scored, apgr, cost_at, cpt, oracle, thresholds

# Ten rows of which the strong model gains five; by hand: deciles cut off one row each.
WEAK = [0.0] * 5 + [1.0] * 5
STRONG = [1.0] * 10
BEST = [10, 9, 8, 7, 6, 5, 4, 3, 2, 1]
WORST = BEST[::-1]


def figures(scores, weak=WEAK, strong=STRONG):
    made = Scored(scores, weak, strong).metrics()
    return made.apgr, made.cpt50, made.cpt80


def test_thresholds_are_the_deciles_of_numpy_and_pandas():
    assert thresholds([1.0]) == [1.0] * 11
    assert thresholds([0.0, 1.0]) == pytest.approx([n / 10 for n in range(11)])
    # numpy.quantile(range(391), numpy.linspace(0, 1, 11)): the third is a hair above the row that stands there.
    assert thresholds([float(n) for n in range(391)])[3] == 117.00000000000001
    assert thresholds([0.0, 1.0, 5.0]) == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.8, 2.6, 3.4, 4.2, 5.0])


def test_a_perfect_and_a_contrary_router():
    # The curve goes up by a fifth of the gap with each tenth of calls, then stays: 0.25 * 0.5 … by trapezoids.
    assert figures(BEST) == pytest.approx((0.75, 25.0, 40.0))
    assert figures(WORST) == pytest.approx((0.25, 75.0, 90.0))


def test_equal_scores_are_chance():
    # All or nothing: a straight line.
    assert figures([3.0] * 10) == pytest.approx((0.5, 50.0, 80.0))


def test_scales_do_not_matter():
    shifted = [100 * score - 7 for score in BEST]
    assert figures(shifted) == pytest.approx(figures(BEST))
    tens = [10 * value for value in WEAK], [10 * value for value in STRONG]
    assert figures(BEST, *tens) == pytest.approx(figures(BEST))


@pytest.mark.parametrize("strong", [WEAK, [0.0] * 10])
def test_without_a_gap_there_are_no_figures(strong):
    made = Scored(BEST, WEAK, strong).metrics()
    assert (made.apgr, made.cpt50, made.cpt80, made.costs) == (None, None, None, ())
    assert len(made.points) == 11


def test_the_weak_model_may_be_better_on_some():
    # Only the strong one: 0.6; only the weak one: 0.5; both at their best: 0.9.
    weak, strong = [0, 0, 0, 0, 1, 1, 1, 1, 1, 0], [1, 1, 1, 1, 0, 0, 0, 1, 1, 0]
    made = Scored(oracle(weak, strong), weak, strong).metrics()
    assert max(point.quality for point in made.points) == pytest.approx(0.9)
    assert made.points[-1].quality == pytest.approx(0.6)
    assert made.apgr > 1
    assert (made.cpt50, made.cpt80) == pytest.approx((5.0, 8.0))


def test_chance_by_draws():
    draw = random.Random(1)
    weak = [float(draw.random() < 0.6) for _ in range(4_000)]
    strong = [max(low, float(draw.random() < 0.5)) for low in weak]
    found = [figures([draw.random() for _ in weak], weak, strong) for _ in range(10)]
    means = [sum(values) / 10 for values in zip(*found, strict=True)]
    assert means == pytest.approx([0.5, 50, 80], rel=0.05)


def line(*pgrs):
    return [Point(at / (len(pgrs) - 1), 0.0, pgr) for at, pgr in enumerate(pgrs)]


@pytest.mark.parametrize(
    ("pgrs", "pgr", "expected"),
    [
        ((0, 1), 0.5, 50),
        ((0, 0.5, 1), 0.8, 80),
        ((0, 1.2, 1), 0.5, 100 * 0.5 * 0.5 / 1.2),
        ((0, 0, 1), 0.0, 50),
        ((0.6, 0.8, 1), 0.5, 0),
        ((0, 0.2, 0.4), 0.5, 100),
        # Several crossings: numpy's search compares with the first marks first, then bisects.
        ((0, 0.2, 0.55, 0.4, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0, 1.0), 0.5, 100 * (0.1 + 0.1 * 0.3 / 0.35)),
        ((0, 0.1, 0.2, 0.3, 0.55, 0.45, 0.6, 0.7, 0.8, 0.9, 1.0), 0.5, 100 * (0.3 + 0.1 * 0.2 / 0.25)),
        ((0, 0.1, 0.2, 0.3, 0.4, 0.45, 0.46, 0.47, 0.55, 0.49, 1.0), 0.5, 100 * (0.9 + 0.1 * 0.01 / 0.51)),
    ],
)
def test_cpt(pgrs, pgr, expected):
    assert cpt(line(*pgrs), pgr) == pytest.approx(expected)


def test_apgr_is_the_area():
    assert apgr(line(0, 1)) == 0.5
    assert apgr(line(0, 1, 1)) == 0.75
    assert apgr([Point(0, 0, 0), Point(0.2, 0, 0.5), Point(1, 0, 1)]) == pytest.approx(0.05 + 0.6)


def test_costs_at_a_quality():
    assert cost_at(line(0, 0.5, 1), 0.9) == Cost(0.9, pytest.approx(0.9))
    assert cost_at(line(0, 1.2, 0.8, 1), 1.0).share == pytest.approx(1 / 3 / 1.2)
    assert cost_at(line(0, 0.5), 0.9) == Cost(0.9, None)
    assert cost_at(line(1, 1), 0.9).share == 0


def test_costs_in_dollars():
    made = Scored(BEST, WEAK, STRONG, [(1.0, 10.0)] * 10).metrics()
    assert [point.usd for point in made.points[:2]] == pytest.approx([1.0, 1.9])
    assert made.points[-1].usd == 10.0
    at_90 = made.costs[0]
    assert (at_90.quality, at_90.share) == (0.9, pytest.approx(0.45))
    assert at_90.usd == pytest.approx(1 + 0.45 * 9)
    assert at_90.of_strong == pytest.approx((1 + 0.45 * 9) / 10)


def test_dollars_follow_the_rows():
    # The row that is routed first costs more than the others together.
    costs = [(0.0, 100.0)] + [(0.0, 1.0)] * 9
    made = Scored(BEST, WEAK, STRONG, costs).metrics()
    assert made.points[1].usd == pytest.approx(10.0)
    assert made.points[-1].usd == pytest.approx(10.9)


def test_free_models_have_no_share_of_a_cost():
    made = Scored(BEST, WEAK, STRONG, [(0.0, 0.0)] * 10).metrics()
    assert made.costs[0].usd == 0.0
    assert made.costs[0].of_strong is None


@pytest.mark.parametrize(
    "given",
    [
        ([], [], []),
        ([1.0], [0.0, 1.0], [1.0]),
        ([1.0], [0.0], []),
        ([float("nan")], [0.0], [1.0]),
        ([1.0], [0.0], [1.0], [(0.0, 1.0), (0.0, 1.0)]),
    ],
)
def test_what_cannot_be_scored(given):
    with pytest.raises(ValueError):
        Scored(*given)


outcomes = st.lists(
    st.tuples(st.sampled_from([0, 1, 2, 3.5, -4]) | st.floats(-9, 9), st.booleans(), st.booleans()),
    min_size=1,
    max_size=60,
)


@given(outcomes)
def test_any_outcomes(rows):
    scores, weak, strong = ([float(row[at]) for row in rows] for at in range(3))
    scored = Scored(scores, weak, strong)
    made = scored.metrics()
    shares = [point.share for point in made.points]
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0.0, 1.0)
    assert made.points[0].quality == pytest.approx(sum(weak) / len(weak))
    assert made.points[-1].quality == pytest.approx(sum(strong) / len(strong))
    if made.apgr is not None:
        assert 0 <= made.cpt50 <= 100
        again = scored.resampled(range(len(rows)))
        assert (again.apgr, again.cpt50, again.cpt80) == pytest.approx((made.apgr, made.cpt50, made.cpt80))


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=20, max_size=60))
def test_nobody_beats_the_oracle(rows):
    weak, strong = ([float(row[at]) for row in rows] for at in range(2))
    best = Scored(oracle(weak, strong), weak, strong).metrics()
    other = Scored([float(at) for at in range(len(rows))], weak, strong).metrics()
    if best.apgr is not None:
        assert best.apgr >= other.apgr - 1e-9
