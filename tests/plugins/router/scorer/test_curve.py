import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace_plugins.router.scorer.curve import at, boundaries, rising

CURVE = ((0.0, 0.1), (0.5, 0.3), (0.9, 0.7), (0.95, 0.8), (1.0, 1.0))


@pytest.mark.parametrize(
    ("quality", "p"),
    [(0.0, 0.1), (0.25, 0.2), (0.5, 0.3), (0.9, 0.7), (0.925, 0.75), (0.95, 0.8), (1.0, 1.0), (-3.0, 0.1), (7.0, 1.0)],
)
def test_the_p_of_a_quality(quality: float, p: float) -> None:
    assert at(CURVE, quality) == pytest.approx(p)


def test_boundaries_spend_the_loss_on_the_tiers_in_turn() -> None:
    assert boundaries(CURVE, 0.95) == pytest.approx((at(CURVE, 0.975), 0.8, 0.7, at(CURVE, 0.75)))


def test_nothing_may_be_lost_and_everything() -> None:
    assert boundaries(CURVE, 1.0) == (1.0, 1.0, 1.0, 1.0)
    assert boundaries(CURVE, 0.0) == pytest.approx((0.3, 0.1, 0.1, 0.1))


@given(st.floats(0, 1), st.floats(0, 1))
def test_boundaries_fall_and_rise_with_quality(one: float, other: float) -> None:
    low, high = sorted((one, other))
    for found in (boundaries(CURVE, low), boundaries(CURVE, high)):
        assert list(found) == sorted(found, reverse=True)
    assert all(a <= b + 1e-12 for a, b in zip(boundaries(CURVE, low), boundaries(CURVE, high), strict=True))


@pytest.mark.parametrize(
    ("curve", "fine"),
    [
        (CURVE, True),
        ((), False),
        (((0.0, 0.1),), False),
        (((0.0, 0.3), (1.0, 0.2)), False),
        (((0.5, 0.1), (0.5, 0.2)), False),
        (((0.0, 0.1), (1.0, 1.2)), False),
    ],
)
def test_a_curve_must_rise(curve: tuple[tuple[float, float], ...], fine: bool) -> None:
    assert rising(curve) is fine
