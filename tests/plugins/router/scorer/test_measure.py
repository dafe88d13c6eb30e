import pytest

np = pytest.importorskip("numpy")

from tailrace_plugins.router.scorer.curve import rising  # noqa: E402
from tailrace_plugins.router.scorer.measure import apgr, curve, interval  # noqa: E402

RANDOM = np.random.default_rng(1)
P = RANDOM.random(4000)
GAINS = (RANDOM.random(4000) > P).astype(float)


def test_chance_is_a_half_and_the_right_order_is_better() -> None:
    assert apgr(RANDOM.random(4000), GAINS) == pytest.approx(0.5, abs=0.03)
    assert apgr(P, GAINS) == pytest.approx(2 / 3, abs=0.02)
    assert apgr(1 - P, GAINS) == pytest.approx(1 / 3, abs=0.02)


def test_it_is_the_area_that_routellm_takes() -> None:
    """Ten rows, of which the hardest two have all of the gain: two tenths of the calls reach it."""
    p = np.arange(10) / 10
    gains = np.array([1.0, 1.0] + [0.0] * 8)
    assert apgr(p, gains) == pytest.approx(0.05 + 0.075 * 2 + 0.7, abs=0.1)


def test_the_interval_holds_the_figure() -> None:
    low, high = interval(P, GAINS, seed=1, draws=200)
    assert low < apgr(P, GAINS) < high
    assert high - low < 0.1
    assert interval(P, GAINS, seed=1, draws=200) == (low, high)


def test_the_curve_keeps_what_it_promises() -> None:
    """With gains of 1 - p, all above t lose (1 - t)^2 of the whole."""
    found = curve(P, GAINS, np.ones(4000))
    assert rising(tuple((quality, p) for quality, p in found))
    for quality, p in found:
        if 0 < quality < 1:
            assert 1 - (1 - p) ** 2 == pytest.approx(quality, abs=0.06), quality


def test_rows_of_no_weight_do_not_count() -> None:
    weights = np.concatenate([np.ones(4000), np.zeros(4000)])
    both = curve(np.concatenate([P, P]), np.concatenate([GAINS, 1 - GAINS]), weights)
    assert both == curve(P, GAINS, np.ones(4000))
