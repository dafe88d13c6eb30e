"""What a rule makes of a request. Pure: a payload and a rule in, the changes and their reasons out."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Final

from tailrace.wire import jsonio
from tailrace.wire.endpoints import Shape
from tailrace_plugins.defaults.history import key_of, shortened
from tailrace_plugins.defaults.settings import Rule

_LIMITS: Final[Mapping[Shape, tuple[str, ...]]] = {
    "chat": ("max_completion_tokens", "max_tokens"),
    "completions": ("max_tokens",),
    "responses": ("max_output_tokens",),
    "messages": ("max_tokens",),
}
"""Where each shape names its limit of output tokens."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A value the rule cannot work with: `param` is at fault."""

    param: str
    message: str


@dataclass(slots=True)
class Changes:
    """What becomes of a payload. Applied to it, the rule finds nothing more to do."""

    set: dict[str, Any] = field(default_factory=dict)
    remove: list[str] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    """Words of a fixed set: removed, forced, defaulted, capped, shortened."""
    dropped_messages: int = 0

    def __bool__(self) -> bool:
        return bool(self.set or self.remove)


def find(rules: Sequence[Rule], model: str, tenant: str) -> Rule | None:
    """The first rule that fits both; None without one."""
    for rule in rules:
        if any(fnmatchcase(model, p) for p in rule.models) and any(fnmatchcase(tenant, p) for p in rule.tenants):
            return rule
    return None


def decide(shape: Shape, payload: Mapping[str, Any], rule: Rule) -> Changes | Refused:
    """Apply a rule, in this order: remove, force, default, cap, shorten the history. Never raises on odd payloads.

    Null counts as absent. Changes name only fields that really differ, each with a new value.
    """
    out = dict(payload)
    reasons: list[str] = []
    for name in rule.remove:
        if name in out:
            del out[name]
            reasons.append("removed")
    for name, value in rule.force.items():
        if name not in out or not _same(out[name], value):
            out[name] = copy.deepcopy(value)
            reasons.append("forced")
    for name, default in _defaults(shape, rule, out):
        if out.get(name) is None:
            out[name] = copy.deepcopy(default)
            reasons.append("defaulted")
    if rule.max_tokens_cap is not None:
        for name in _LIMITS[shape]:
            asked = out.get(name)
            if asked is None:
                continue
            if type(asked) is not int or asked < 0:
                return Refused(name, f"{name} must be a non-negative integer.")
            if asked > rule.max_tokens_cap:
                out[name] = rule.max_tokens_cap
                reasons.append("capped")
    dropped = 0
    if rule.history_messages is not None:
        step = rule.history_step or max(1, rule.history_messages // 4)
        kept = shortened(shape, out, rule.history_messages, step)
        key = key_of(shape)
        if kept is not None and key is not None:
            dropped = len(out[key]) - len(kept)
            out[key] = kept
            reasons.append("shortened")
    changed = {n: v for n, v in out.items() if n not in payload or (payload[n] is not v and not _same(payload[n], v))}
    return Changes(changed, [n for n in payload if n not in out], list(dict.fromkeys(reasons)), dropped)


def _defaults(shape: Shape, rule: Rule, out: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    if rule.max_tokens_default is not None and all(out.get(name) is None for name in _LIMITS[shape]):
        yield rule.chat_max_tokens_name if shape == "chat" else _LIMITS[shape][0], rule.max_tokens_default
    if rule.temperature is not None:
        yield "temperature", rule.temperature
    yield from rule.default.items()


def _same(one: Any, other: Any) -> bool:
    """Equal as JSON: 1, 1.0 and true are three values."""
    try:
        return bool(one == other) and jsonio.dumps(one) == jsonio.dumps(other)
    except (TypeError, RecursionError):
        return False
