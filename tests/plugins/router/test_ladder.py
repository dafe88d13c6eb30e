import pytest
from router_kit import TIERS, Book

from tailrace.abilities import Abilities
from tailrace.prices import Price
from tailrace.wire.endpoints import CHAT, COMPLETIONS, MESSAGES, RESPONSES
from tailrace_plugins.router.ladder import build, speaks
from tailrace_plugins.router.policy.tiers import Tier
from tailrace_plugins.router.settings import RouterSettings


def models(book=None, endpoint=CHAT, **settings):
    ladder = build(RouterSettings.model_validate(settings), book or Book(), endpoint)
    return {tier.value: rung.facts.name for tier, rung in ladder.rungs.items()}


def test_what_is_configured():
    assert models(tiers=TIERS) == TIERS


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"simple": "small", "complex": "large"}, ["small", "small", "large", "large", "large"]),
        ({"expert": "huge"}, ["huge"] * 5),
        ({"trivial": "small"}, ["small"] * 5),
        ({"trivial": "small", "expert": "huge"}, ["small", "huge", "huge", "huge", "huge"]),
    ],
)
def test_tiers_left_out_take_the_next_stronger_one(given, expected):
    assert list(models(tiers=given).values()) == expected


def test_a_tier_keeps_its_own_limits():
    settings = RouterSettings.model_validate({"tiers": {"simple": {"model": "small", "max_tokens": 9}}})
    rung = build(settings, Book(), CHAT).rungs[Tier.EXPERT]
    assert (rung.target.max_tokens, rung.facts.name) == (9, "small")


def test_without_tiers_the_first_configured_model_and_the_cheapest_below_it():
    assert list(models().values()) == ["small", "small", "large", "large", "large"]
    assert set(models(Book(names=("auto", "small", "large"), routed={"auto": "small"})).values()) == {"small"}
    assert set(models(Book(prices={"large": None})).values()) == {"large"}, "nothing to compare it with"


def test_without_models_those_of_the_provider():
    book = Book(names=(), routed={}, provider="openai", host="api.openai.com")
    assert list(models(book).values()) == ["gpt-6-luna", "gpt-6-luna", "gpt-6.1-sol", "gpt-6.1-sol", "gpt-6.1-sol"]
    assert models(Book(names=(), routed={}, provider="openai", host="gateway.example")) == {}


def test_an_embedding_model_is_no_tier_though_it_is_the_cheapest():
    book = Book(names=("auto", "large", "emb", "small"), prices={"emb": Price(0.01, 0.0)})
    assert list(models(book).values()) == ["small", "small", "large", "large", "large"]
    unknown = Book(names=("auto", "large", "mine"), prices={"mine": Price(0.01, 0.01)}, abilities={"mine": Abilities()})
    assert set(models(unknown).values()) == {"large"}, "of which nothing is known is not taken by itself"


def test_a_model_that_is_not_there_is_left_out():
    assert set(models(tiers={"simple": "nope", "complex": "large"}).values()) == {"large"}
    assert models(tiers={"simple": "nope"}) == {}


@pytest.mark.parametrize(
    ("dialect", "host", "endpoint", "can"),
    [
        ("openai", "api.openai.com", CHAT, True),
        ("openai", "api.openai.com", MESSAGES, False),
        ("openai", "openrouter.ai", MESSAGES, True),
        ("anthropic", "api.anthropic.com", MESSAGES, True),
        ("anthropic", "api.anthropic.com", CHAT, True),
        ("anthropic", "api.anthropic.com", RESPONSES, False),
        ("anthropic", "api.anthropic.com", COMPLETIONS, False),
        ("azure", "a.openai.azure.com", MESSAGES, False),
        ("azure", "a.openai.azure.com", RESPONSES, True),
        ("litellm", "", CHAT, True),
        ("litellm", "", MESSAGES, False),
        ("litellm", "", COMPLETIONS, False),
    ],
)
def test_which_provider_can_be_asked_in_which_form(dialect, host, endpoint, can):
    assert speaks(dialect, host, endpoint.shape) is can
    book = Book(dialects={"small": dialect}, host=host)
    found = models(book, endpoint, tiers={"simple": "small"})
    assert ("small" in found.values()) is can
