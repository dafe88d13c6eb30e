import pytest

from tailrace.abilities import Abilities
from tailrace.config.models import Config
from tailrace.errors import NotFound
from tailrace.prices import PriceTable
from tailrace.upstream.book import ModelBook
from tailrace.upstream.targets import Targets
from tailrace.wire.endpoints import CHAT, MESSAGES

PROVIDERS = {"openai": {"base_url": "http://o"}, "claude": {"base_url": "http://c", "dialect": "anthropic"}}


def book(models=None):
    config = Config(providers=PROVIDERS, models=models or {})
    return ModelBook(config, Targets(config), PriceTable.shipped())


def test_without_a_models_section_any_name_goes_to_the_first_provider():
    found = book().find("gpt-4o-mini", CHAT)
    assert (found.provider, found.dialect, found.model) == ("openai", "openai", "gpt-4o-mini")
    assert found.price.input == 0.15 and found.abilities.vision is True
    assert book().find("claude-x", MESSAGES).provider == "claude"
    assert (book().names, book().routed) == ((), {})
    unknown = book().find("mine", CHAT)
    assert (unknown.price, unknown.abilities) == (None, Abilities())


def test_a_configured_model_is_what_its_first_target_is():
    found = book(
        {
            "fast": {
                "targets": ["openai/gpt-4o-mini", "claude/x"],
                "abilities": {"vision": False, "tokens_per_s": 90},
            }
        }
    ).find("fast", CHAT)
    assert (found.name, found.model, found.price.output) == ("fast", "gpt-4o-mini", 0.6)
    assert found.abilities.vision is False, "the configuration knows better"
    assert (found.abilities.tools, found.abilities.tokens_per_s) == (True, 90)


def test_routed_names_and_who_stands_in_for_them():
    models = {
        "auto": {"route": True},
        "big": {"targets": ["openai/gpt-4o"]},
        "own": {"targets": ["openai/o3"], "route": True},
    }
    made = book(models)
    assert made.names == ("auto", "big", "own")
    assert made.routed == {"auto": "big", "own": "own"}
    assert made.find("auto", CHAT).model == "gpt-4o"
    with pytest.raises(NotFound):
        made.find("gpt-4o", CHAT)
