import pytest

from tailrace.config.implied import KNOWN, with_implied, with_provider
from tailrace.config.models import Config


def test_keys_in_the_environment_make_providers():
    env = {
        "GROQ_API_KEY": "g",
        "OPENAI_API_KEY": "o",
        "ANTHROPIC_API_KEY": "a",
        "MISTRAL_API_KEY": "",
        "OTHER_API_KEY": "x",
    }
    config, used = with_implied(Config(), env)
    assert used == ["OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GROQ_API_KEY"]
    assert list(config.providers) == ["openai", "anthropic", "groq"]
    openai, anthropic = config.providers["openai"], config.providers["anthropic"]
    assert (openai.base_url, openai.api_key.get_secret_value()) == ("https://api.openai.com/v1", "o")
    assert (anthropic.dialect, anthropic.api_key.get_secret_value()) == ("anthropic", "a")


def test_configured_providers_are_left_alone():
    config = Config(providers={"mine": {"base_url": "http://h"}})
    assert with_implied(config, {"OPENAI_API_KEY": "o"}) == (config, [])


def test_nothing_is_nothing():
    config, used = with_implied(Config(), {})
    assert (config.providers, used) == ({}, [])


@pytest.mark.parametrize("variable", KNOWN)
def test_each_of_them_is_valid(variable):
    config, used = with_implied(Config(), {variable: "k"})
    name, url, dialect = KNOWN[variable]
    assert used == [variable] and url.startswith("https://")
    assert (config.providers[name].base_url, config.providers[name].dialect) == (url, dialect)


def test_with_provider():
    config = with_provider(Config(server={"port": 1}), "simulated", "http://127.0.0.1:9/v1")
    assert (list(config.providers), config.server.port) == (["simulated"], 1)
    assert config.providers["simulated"].api_key is None
