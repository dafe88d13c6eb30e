from urllib.parse import urlsplit

import pytest

from tailrace.abilities import AbilityTable
from tailrace.config.implied import KNOWN
from tailrace.prices import PriceTable
from tailrace_plugins.router.known import known_tiers
from tailrace_plugins.router.policy.tiers import TIERS, Tier

HOSTS = {name: urlsplit(url).hostname for name, url, _ in KNOWN.values()} | {"simulated": "127.0.0.1"}


@pytest.mark.parametrize("provider", ["openai", "anthropic", "mistral", "deepseek", "simulated"])
def test_two_rungs_that_are_priced_and_able_the_lower_one_cheaper(provider):
    tiers = known_tiers(provider, HOSTS[provider])
    assert list(tiers) == list(TIERS)
    small, standard = tiers[Tier.SIMPLE], tiers[Tier.COMPLEX]
    assert (tiers[Tier.TRIVIAL], tiers[Tier.MODERATE], tiers[Tier.EXPERT]) == (small, standard, standard)
    prices = [PriceTable.shipped().find(provider, model) for model in (small, standard)]
    assert prices[0].output < prices[1].output and prices[0].input < prices[1].input
    assert all(AbilityTable.shipped().find(model).tools for model in (small, standard))


def test_a_provider_is_known_by_where_it_is_and_not_by_its_name():
    assert known_tiers("mine", "api.openai.com") == known_tiers("openai", "api.openai.com") != {}
    assert known_tiers("openai", "gateway.example") == {}
    assert known_tiers("openrouter", HOSTS["openrouter"]) == {}
