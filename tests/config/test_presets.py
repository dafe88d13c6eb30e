import pytest

from tailrace.config import Config
from tailrace.config.presets import PRESETS, chain_of
from tailrace.registry import plan

SAFE = {"when": "deterministic", "ttl": 3600.0}
NONE: dict[str, object] = {}


@pytest.mark.parametrize(
    ("preset", "plugins", "chain"),
    [
        ("off", None, []),
        ("off", [], []),
        ("off", [{"exact_cache": None}], [{"exact_cache": None}]),
        ("off", [{"exact_cache": {"ttl": 5}}], [{"exact_cache": {"ttl": 5}}]),
        ("safe", None, [{"exact_cache": SAFE}, {"router": NONE}, {"compress": NONE}]),
        ("safe", [], []),
        ("safe", [{"stream": None}], [{"stream": None}]),
        ("safe", [{"stream": {"x": 1}}, {"exact_cache": None}], [{"stream": {"x": 1}}, {"exact_cache": SAFE}]),
        ("safe", [{"exact_cache": {"ttl": 5, "disk": False}}], [{"exact_cache": {**SAFE, "ttl": 5, "disk": False}}]),
    ],
)
def test_what_is_said_wins_over_the_preset(preset, plugins, chain):
    assert list(chain_of(preset, plugins)) == chain


def test_the_preset_itself_is_not_handed_out():
    chain_of("safe", [{"exact_cache": {"ttl": 5}}])
    assert dict(PRESETS["safe"]) == {"exact_cache": SAFE, "router": NONE, "compress": NONE}


def test_safe_is_what_comes_without_a_word():
    config = Config()
    assert (config.preset, config.plugins) == ("safe", None)
    planned, problems = plan(chain_of(config.preset, config.plugins))
    assert not problems and [one.plugin.name for one in planned] == ["exact_cache", "router", "compress"]


@pytest.mark.parametrize("preset", PRESETS)
def test_each_preset_is_a_valid_chain(preset):
    planned, problems = plan(chain_of(preset, None))
    assert not problems and [one.plugin.name for one in planned] == [name for name, _ in PRESETS[preset]]


def test_the_fastest_switches_on_all_that_compression_can_do():
    from tailrace_plugins.compress.settings import EVERYTHING

    assert dict(PRESETS["max_speed"])["compress"] == EVERYTHING
