"""How much of a history stays. Pure; which messages belong together is `wire.tools`' matter."""

from collections.abc import Mapping
from typing import Any, Final

from tailrace.wire.endpoints import Shape
from tailrace.wire.tools import keep_last

_KEYS: Final[Mapping[str, str]] = {"chat": "messages", "responses": "input", "messages": "messages"}
_LEADING_ROLES: Final = ("system", "developer")


def key_of(shape: Shape) -> str | None:
    """Where a request of this shape has its history; None where it has none."""
    return _KEYS.get(shape)


def shortened(shape: Shape, payload: Mapping[str, Any], limit: int, step: int) -> list[Any] | None:
    """The history as it goes on, or None where it stays as it is.

    At most `limit` messages stay behind the leading instructions (more only where the last tool call and its answers
    are more). They are dropped in multiples of `step` (at most `limit`): between two steps the same ones go, so that
    a prefix the provider has cached stays one. A Messages history must begin with a user: it is cut further until it
    does, and left whole if it never would.
    """
    key = key_of(shape)
    messages = payload.get(key) if key is not None else None
    if type(messages) is not list or (shape == "responses" and _is_stored(payload)):
        return None
    lead = 0
    while lead < len(messages) and _role(messages[lead]) in _LEADING_ROLES:
        lead += 1
    body = len(messages) - lead
    if body <= limit:
        return None
    dropped = -(-(body - limit) // step) * step
    for keep in range(max(1, body - dropped), 0, -1):
        kept = keep_last(messages, keep)
        # Nothing is left of a history of orphaned answers only; that is for the provider to refuse.
        if not kept[lead:]:
            return None
        if shape != "messages" or _role(kept[lead]) == "user":
            return kept if len(kept) < len(messages) else None
    return None


def _is_stored(payload: Mapping[str, Any]) -> bool:
    """Its input may answer calls that only the provider knows."""
    return payload.get("previous_response_id") is not None or payload.get("conversation") is not None


def _role(message: Any) -> Any:
    return message.get("role") if type(message) is dict else None
