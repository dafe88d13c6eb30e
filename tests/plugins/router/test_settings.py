import pytest
from pydantic import ValidationError

from tailrace_plugins.router.policy.tiers import Tier
from tailrace_plugins.router.settings import RouterSettings


def made(**given):
    return RouterSettings.model_validate(given)


def test_a_tier_may_be_a_models_name_alone():
    tiers = made(tiers={"simple": "small", "expert": {"model": "huge", "max_tokens": 9}}).tiers
    assert tiers[Tier.SIMPLE].model == "small" and tiers[Tier.SIMPLE].max_tokens is None
    assert (tiers[Tier.EXPERT].model, tiers[Tier.EXPERT].max_tokens) == ("huge", 9)


@pytest.mark.parametrize(
    ("given", "quality"),
    [
        ({}, 0.95),
        ({"prefer": "quality"}, 0.99),
        ({"prefer": "cost"}, 0.9),
        ({"prefer": "speed"}, 0.9),
        ({"prefer": "speed", "quality": 0.97}, 0.97),
        ({"quality": 1.0}, 1.0),
    ],
)
def test_the_quality_in_force(given, quality):
    assert made(**given).kept_quality == quality


@pytest.mark.parametrize(
    "given",
    [
        {"tiers": {"simpel": "small"}},
        {"tiers": {"simple": ""}},
        {"tiers": {"simple": {}}},
        {"tiers": {"simple": {"model": "m", "max_tokens": 0}}},
        {"tiers": {"simple": {"model": "m", "temperature": 3}}},
        {"tiers": {"simple": {"model": "m", "top_p": 1}}},
        {"tiers": ["small"]},
        {"quality": 0},
        {"quality": 1.1},
        {"prefer": "fast"},
        {"mode": "guess"},
        {"cascade": {"accept": 2}},
        {"cascade": {"enable": True}},
    ],
)
def test_mistakes(given):
    with pytest.raises(ValidationError):
        made(**given)
