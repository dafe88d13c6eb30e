"""Which name the conventions have for a configured provider, and where its attempts go: pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from tailrace.config.models import Provider

# `gen_ai.provider.name`: a listed value MUST be used if it applies, and an operator may call OpenAI `main`.
_BY_HOST = (
    (r"api\.openai\.com", "openai"),
    (r"api\.anthropic\.com", "anthropic"),
    (r".*\.openai\.azure\.com|.*\.cognitiveservices\.azure\.com", "azure.ai.openai"),
    (r".*\.(services|inference|models)\.ai\.azure\.com", "azure.ai.inference"),
    (r"bedrock(-runtime)?[.-].*\.amazonaws\.com", "aws.bedrock"),
    (r"generativelanguage\.googleapis\.com", "gcp.gemini"),
    (r"(.*-)?aiplatform\.googleapis\.com", "gcp.vertex_ai"),
    (r"api\.cohere\.(ai|com)", "cohere"),
    (r".*\.ml\.cloud\.ibm\.com", "ibm.watsonx.ai"),
    (r"api\.perplexity\.ai", "perplexity"),
    (r"api\.x\.ai", "x_ai"),
    (r"api\.deepseek\.com", "deepseek"),
    (r"api\.groq\.com", "groq"),
    (r"api\.mistral\.ai", "mistral_ai"),
    (r"api\.moonshot\.(ai|cn)", "moonshot_ai"),
)
_BY_LITELLM = {
    "azure": "azure.ai.openai",
    "azure_ai": "azure.ai.inference",
    "bedrock": "aws.bedrock",
    "cohere_chat": "cohere",
    "gemini": "gcp.gemini",
    "mistral": "mistral_ai",
    "moonshot": "moonshot_ai",
    "vertex_ai": "gcp.vertex_ai",
    "watsonx": "ibm.watsonx.ai",
    "xai": "x_ai",
}
_BY_DIALECT = {"azure": "azure.ai.openai", "anthropic": "anthropic"}


@dataclass(frozen=True, slots=True)
class Known:
    """A provider as telemetry names it; `scheme`, `host` and `port` are where it is reached."""

    name: str
    scheme: str = "https"
    host: str = ""
    port: int = 443


def known(name: str, provider: Provider) -> Known:
    """What the conventions call it: by its host, else by litellm's name, else by its dialect, else its own name."""
    if provider.dialect == "litellm":
        told = provider.litellm_provider or name
        return Known(_BY_LITELLM.get(told, told), host=_host(provider) or told)
    parts = urlsplit(provider.base_url or "")
    host = (parts.hostname or "").lower()
    called = next((word for pattern, word in _BY_HOST if re.fullmatch(pattern, host)), None)
    port = parts.port or (80 if parts.scheme == "http" else 443)
    return Known(called or _BY_DIALECT.get(provider.dialect) or name, parts.scheme or "https", host, port)


def table(providers: Mapping[str, Provider]) -> dict[str, Known]:
    """All of a configuration."""
    return {name: known(name, provider) for name, provider in providers.items()}


def _host(provider: Provider) -> str:
    return (urlsplit(provider.base_url or "").hostname or "").lower()
