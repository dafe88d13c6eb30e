"""Providers that need no configuration: those whose key is in the environment."""

from collections.abc import Mapping

from pydantic import SecretStr

from tailrace.config.models import Config, Provider

KNOWN: Mapping[str, tuple[str, str, str]] = {
    "OPENAI_API_KEY": ("openai", "https://api.openai.com/v1", "openai"),
    "ANTHROPIC_API_KEY": ("anthropic", "https://api.anthropic.com/v1", "anthropic"),
    "OPENROUTER_API_KEY": ("openrouter", "https://openrouter.ai/api/v1", "openai"),
    "GROQ_API_KEY": ("groq", "https://api.groq.com/openai/v1", "openai"),
    "MISTRAL_API_KEY": ("mistral", "https://api.mistral.ai/v1", "openai"),
    "DEEPSEEK_API_KEY": ("deepseek", "https://api.deepseek.com/v1", "openai"),
}
"""Environment variable -> provider name, base URL, dialect."""


def with_implied(config: Config, env: Mapping[str, str]) -> tuple[Config, list[str]]:
    """The configuration with a provider for every key found in `env`, if it has none of its own.

    Returns the variables that were used; the first is the default provider.
    """
    if config.providers:
        return config, []
    found = [name for name in KNOWN if env.get(name)]
    providers = {
        KNOWN[name][0]: Provider.model_validate(
            {"base_url": KNOWN[name][1], "dialect": KNOWN[name][2], "api_key": SecretStr(env[name])}
        )
        for name in found
    }
    return config.model_copy(update={"providers": providers}), found


def with_provider(config: Config, name: str, base_url: str) -> Config:
    """The configuration with one keyless provider, such as the simulated one."""
    return config.model_copy(update={"providers": {name: Provider(base_url=base_url)}})
