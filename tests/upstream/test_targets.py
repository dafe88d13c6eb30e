"""From a model's name to the places that may answer."""

import pytest

from tailrace.config.models import Config
from tailrace.errors import NotFound
from tailrace.upstream.targets import Targets
from tailrace.wire.endpoints import CHAT, COUNT_TOKENS, MESSAGES

PROVIDERS = {
    "openai": {"base_url": "http://o", "deadlines": {"first_event_s": 5, "idle_s": 6}},
    "claude": {"base_url": "http://c", "dialect": "anthropic"},
    "local": {"base_url": "http://l"},
}


def make(**sections):
    return Targets(Config(**{"providers": PROVIDERS, **sections}))


def names(found):
    return [one.name for one in found]


@pytest.mark.parametrize(
    ("endpoint", "model", "expected"),
    [
        (CHAT, "gpt-x", "openai/gpt-x"),
        (CHAT, "a/b/c", "openai/a/b/c"),
        (MESSAGES, "claude-x", "claude/claude-x"),
        (COUNT_TOKENS, "claude-x", "claude/claude-x"),
    ],
)
def test_without_models_the_first_that_fits_serves(endpoint, model, expected):
    assert names(make().find(model, endpoint)) == [expected]
    assert make().models == ()


def test_configured_models_and_no_others():
    found = make(models={"fast": {"targets": ["local/qwen/3", "openai/gpt"]}, "big": {"targets": ["claude/opus"]}})
    assert found.models == ("fast", "big")
    assert names(found.find("fast", CHAT)) == ["local/qwen/3", "openai/gpt"]
    assert names(found.find("big", MESSAGES)) == ["claude/opus"]
    with pytest.raises(NotFound) as caught:
        found.find("sk-pasted-secret", CHAT)
    assert (caught.value.status, caught.value.code, caught.value.param) == (404, "model_not_found", "model")
    assert "pasted" not in caught.value.message


def test_no_provider():
    with pytest.raises(NotFound, match="No provider is") as caught:
        make(providers={}).find("m", CHAT)
    assert caught.value.code == "no_provider"
    with pytest.raises(NotFound, match="dialect: anthropic"):
        make(providers={"o": {"base_url": "http://o"}}).find("m", MESSAGES)


def test_a_model_overrides_its_provider_overrides_upstream():
    found = make(
        upstream={"total_s": 100, "connect_s": 1},
        models={"m": {"targets": ["openai/m", "local/m"], "deadlines": {"idle_s": 7, "total_s": 70}}},
    )
    first, second = found.find("m", CHAT)
    assert first.deadlines.model_dump() == {"connect_s": 1, "first_event_s": 5, "idle_s": 7, "total_s": 70}
    assert second.deadlines.model_dump() == {"connect_s": 1, "first_event_s": 30, "idle_s": 7, "total_s": 70}
    passing = found.of_provider("openai")
    assert passing.model == ""
    assert passing.deadlines.model_dump() == {"connect_s": 1, "first_event_s": 5, "idle_s": 6, "total_s": 100}


def test_a_routed_name_without_targets_has_those_of_the_first_model():
    found = make(
        models={
            "auto": {"route": True, "deadlines": {"idle_s": 99}},
            "big": {"targets": ["local/big", "openai/big"]},
            "own": {"targets": ["claude/own"], "route": True},
        }
    )
    assert found.routed == {"auto": "big", "own": "own"}
    assert names(found.find("auto", CHAT)) == ["local/big", "openai/big"]
    assert names(found.find("own", CHAT)) == ["claude/own"]
    assert found.find("auto", CHAT)[0].deadlines.idle_s == 99
