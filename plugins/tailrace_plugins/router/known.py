"""Tiers for those who configured none: models of well-known vendors, all of them in the shipped price table.

Two rungs each, the vendor's small model and its standard one: what is dearer than the standard model is for the
operator to choose.
"""

from collections.abc import Mapping
from typing import Final

from tailrace_plugins.router.policy.tiers import Tier

_RUNGS: Final[Mapping[str, tuple[str, str]]] = {
    "api.openai.com": ("gpt-6-luna", "gpt-6.1-sol"),
    "api.anthropic.com": ("claude-haiku-5-5", "claude-sonnet-5-5"),
    "api.mistral.ai": ("mistral-small-latest", "mistral-large-latest"),
    "api.deepseek.com": ("deepseek-v4-flash", "deepseek-v4-pro"),
}
"""By the provider's host: a gateway of one's own may be named like a vendor and know other models."""
_SIMULATED: Final = ("gpt-4o-mini", "gpt-4o")

_SMALL: Final = (Tier.TRIVIAL, Tier.SIMPLE)


def known_tiers(provider: str, host: str) -> Mapping[Tier, str]:
    """The model of each tier; empty for a provider that is not known. `simulated` is the one that comes along."""
    rungs = _SIMULATED if provider == "simulated" else _RUNGS.get(host)
    return {} if rungs is None else {tier: rungs[0] if tier in _SMALL else rungs[1] for tier in Tier}
