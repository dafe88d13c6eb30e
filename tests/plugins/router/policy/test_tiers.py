import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace_plugins.router.policy.tiers import TIERS, Tier, are_thresholds, stronger, tier_of, weaker

CUTS = (0.9, 0.7, 0.5, 0.3)


def test_tiers_are_ordered_by_strength():
    assert [tier.value for tier in sorted(set(TIERS))] == ["trivial", "simple", "moderate", "complex", "expert"]
    assert Tier.EXPERT > Tier.COMPLEX >= Tier.COMPLEX > Tier.MODERATE
    assert Tier.TRIVIAL < "simple" <= Tier.SIMPLE
    assert max(Tier.SIMPLE, Tier.EXPERT, Tier.COMPLEX) is Tier.EXPERT
    assert Tier("expert") == "expert" == str(Tier.EXPERT)


@pytest.mark.parametrize(
    ("p", "tier"),
    [
        (1.0, "trivial"),
        (0.9, "trivial"),
        (0.89, "simple"),
        (0.7, "simple"),
        (0.5, "moderate"),
        (0.3, "complex"),
        (0.29, "expert"),
        (0.0, "expert"),
        (-1.0, "expert"),
        (float("nan"), "expert"),
    ],
)
def test_tier_of(p, tier):
    assert tier_of(p, CUTS) == tier


def test_equal_thresholds_leave_tiers_out():
    assert tier_of(0.6, (0.5, 0.5, 0.5, 0.5)) is Tier.TRIVIAL
    assert tier_of(0.4, (0.5, 0.5, 0.5, 0.5)) is Tier.EXPERT


@given(st.floats(0, 1), st.floats(0, 1), st.lists(st.floats(0, 1), min_size=4, max_size=4))
def test_the_surer_the_weaker(one, other, cuts):
    thresholds = tuple(sorted(cuts, reverse=True))
    assert are_thresholds(thresholds)
    assert tier_of(max(one, other), thresholds) <= tier_of(min(one, other), thresholds)


@pytest.mark.parametrize(
    "values", [(0.3, 0.5, 0.7, 0.9), (0.9, 0.7, 0.5), (1.1, 0.7, 0.5, 0.3), (0.9, 0.7, 0.5, float("nan"))]
)
def test_no_thresholds(values):
    assert not are_thresholds(values)


def test_neighbours():
    assert [stronger(tier) for tier in TIERS] == [*TIERS[1:], Tier.EXPERT]
    assert [weaker(tier) for tier in TIERS] == [Tier.TRIVIAL, *TIERS[:-1]]
