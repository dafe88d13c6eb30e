"""What a request must lose or rename so that the model it was routed to does not refuse it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from tailrace.models import ModelFacts
from tailrace.wire.endpoints import Shape
from tailrace_plugins.router.settings import TierTarget

_SAMPLING: Final = ("temperature", "top_p", "top_k", "frequency_penalty", "presence_penalty")
_LIMITS: Final[Mapping[Shape, tuple[str, ...]]] = {
    "chat": ("max_completion_tokens", "max_tokens"),
    "completions": ("max_tokens",),
    "responses": ("max_output_tokens",),
    "messages": ("max_tokens",),
}
"""The names of the output limit by endpoint; the first is the one to add where a request names none."""


@dataclass(slots=True)
class Fitted:
    """Top-level fields to set and to remove."""

    set: dict[str, Any] = field(default_factory=dict)
    remove: list[str] = field(default_factory=list)


def fit(shape: Shape, payload: Mapping[str, Any], facts: ModelFacts, target: TierTarget) -> Fitted:
    """The changes for a request that goes to `target`, a model of which `facts` are known.

    The tier's limit and temperature hold where the client named none, its limit also where the client's is larger, but
    never below a budget for thinking. Sampling parameters go where the model is known to refuse them (HTTP 400
    otherwise), limits are lowered to what it can write, and reasoning models at OpenAI and Azure are given
    `max_completion_tokens`, since they refuse `max_tokens`; other servers know only the older name.
    """
    abilities = facts.abilities
    changes = Fitted(set={"model": target.model})
    thinking = payload.get("thinking")
    thinks = isinstance(thinking, Mapping) and thinking.get("type") != "disabled"
    if abilities.sampling is False:
        changes.remove += [name for name in _SAMPLING if name in payload]
    elif target.temperature is not None and payload.get("temperature") is None and not thinks:
        changes.set["temperature"] = target.temperature
    names = [name for name in _LIMITS[shape] if payload.get(name) is not None]
    most = _least(target.max_tokens, abilities.max_output_tokens)
    budget = thinking.get("budget_tokens") if isinstance(thinking, Mapping) else None
    if most is not None and type(budget) is int and most <= budget:
        # Anthropic refuses a limit that is not above the budget.
        most = None
    for name in names:
        limit = payload[name]
        if most is not None and type(limit) is int and limit > most:
            changes.set[name] = most
    if not names and target.max_tokens is not None and most is not None:
        changes.set[_LIMITS[shape][0]] = most
    is_openai = facts.dialect == "azure" or facts.host == "api.openai.com"
    if shape == "chat" and abilities.reasoning is True and is_openai and payload.get("max_tokens") is not None:
        limit = changes.set.pop("max_tokens", payload["max_tokens"])
        if payload.get("max_completion_tokens") is None:
            changes.set["max_completion_tokens"] = limit
        changes.remove.append("max_tokens")
    return changes


def _least(*bounds: int | None) -> int | None:
    known = [bound for bound in bounds if bound is not None]
    return min(known) if known else None
