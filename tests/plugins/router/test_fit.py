import pytest

from tailrace.abilities import Abilities
from tailrace.models import ModelFacts
from tailrace_plugins.router.fit import fit
from tailrace_plugins.router.settings import TierTarget

PLAIN = Abilities(max_output_tokens=1000)
THINKS = Abilities(reasoning=True, sampling=False, max_output_tokens=1000)


def fitted(payload, abilities=PLAIN, *, shape="chat", dialect="openai", host="api.openai.com", **target):
    facts = ModelFacts("m", "p", dialect, host, "m", None, abilities)
    made = fit(shape, payload, facts, TierTarget.model_validate({"model": "m", **target}))
    return made.set, made.remove


@pytest.mark.parametrize(
    ("payload", "target", "changes"),
    [
        ({}, {}, {}),
        ({"temperature": 0.9, "max_tokens": 500}, {}, {}),
        ({}, {"temperature": 0.2}, {"temperature": 0.2}),
        ({"temperature": None}, {"temperature": 0.2}, {"temperature": 0.2}),
        ({"temperature": 0}, {"temperature": 0.2}, {}),
        ({}, {"max_tokens": 300}, {"max_completion_tokens": 300}),
        ({}, {"max_tokens": 3000}, {"max_completion_tokens": 1000}),
        ({"max_tokens": 200}, {"max_tokens": 300}, {}),
        ({"max_tokens": 400}, {"max_tokens": 300}, {"max_tokens": 300}),
        ({"max_completion_tokens": 400}, {"max_tokens": 300}, {"max_completion_tokens": 300}),
        ({"max_tokens": 5000}, {}, {"max_tokens": 1000}),
        ({"max_tokens": "many"}, {"max_tokens": 300}, {}),
        ({"max_tokens": True}, {}, {}),
    ],
)
def test_what_a_tier_sets(payload, target, changes):
    assert fitted(payload, **target) == ({"model": "m", **changes}, [])


@pytest.mark.parametrize(
    ("shape", "name"),
    [
        ("chat", "max_completion_tokens"),
        ("completions", "max_tokens"),
        ("responses", "max_output_tokens"),
        ("messages", "max_tokens"),
    ],
)
def test_each_endpoint_has_its_name_for_the_limit(shape, name):
    assert fitted({}, shape=shape, max_tokens=5)[0] == {"model": "m", name: 5}
    assert fitted({name: 9}, shape=shape, max_tokens=5)[0] == {"model": "m", name: 5}


def test_what_a_model_refuses_is_left_out():
    payload = {"temperature": 0.3, "top_p": 0.9, "presence_penalty": 1, "seed": 7, "max_tokens": 200}
    changes, removed = fitted(payload, THINKS, temperature=0.5)
    assert changes == {"model": "m", "max_completion_tokens": 200}
    assert removed == ["temperature", "top_p", "presence_penalty", "max_tokens"]


def test_a_limit_under_both_names_keeps_the_newer():
    changes, removed = fitted({"max_tokens": 200, "max_completion_tokens": 5000}, THINKS)
    assert changes == {"model": "m", "max_completion_tokens": 1000} and removed == ["max_tokens"]


def test_a_limit_of_null_is_none():
    payload = {"max_tokens": 200, "max_completion_tokens": None}
    assert fitted(payload, THINKS)[0] == {"model": "m", "max_completion_tokens": 200}


@pytest.mark.parametrize(
    ("shape", "dialect", "host"),
    [
        ("chat", "litellm", ""),
        ("chat", "anthropic", "api.anthropic.com"),
        ("messages", "openai", "api.openai.com"),
        ("chat", "openai", "api.mistral.ai"),
        ("chat", "openai", "127.0.0.1"),
    ],
)
def test_elsewhere_the_name_stays(shape, dialect, host):
    """Mistral answers 422 to the newer name, DeepSeek ignores it."""
    assert fitted({"max_tokens": 200}, THINKS, shape=shape, dialect=dialect, host=host) == ({"model": "m"}, [])


@pytest.mark.parametrize(
    ("thinking", "changes"),
    [
        ({"type": "enabled", "budget_tokens": 16_000}, {}),
        ({"type": "enabled", "budget_tokens": 2_000}, {"max_tokens": 8_000}),
        ({"type": "adaptive"}, {"max_tokens": 8_000}),
        ({"type": "disabled"}, {"max_tokens": 8_000, "temperature": 0.2}),
        ("yes", {"max_tokens": 8_000, "temperature": 0.2}),
    ],
)
def test_a_budget_for_thinking_stands_and_no_temperature_beside_it(thinking, changes):
    payload = {"max_tokens": 32_000, "thinking": thinking}
    made, _ = fitted(payload, Abilities(), shape="messages", max_tokens=8_000, temperature=0.2)
    assert made == {"model": "m", **changes}
