"""Which message that was sent stands for which of the client's: without what it was not shown, and with a summary."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tailrace_plugins.compress.definitions.lazy import LOAD_TOOLS
from tailrace_plugins.compress.evaluate.texts import content
from tailrace_plugins.compress.history.said import summarised
from tailrace_plugins.compress.recall import RECALL

HIDDEN: Final = frozenset({RECALL.name, LOAD_TOOLS})

Message = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Aligned:
    """`messages`: as sent, one for each of the client's; None for those that a summary stands for. `beside`: the texts
    that only the model is given: what it asked the proxy for, and the summary.
    """

    messages: tuple[Message | None, ...]
    beside: tuple[str, ...] = ()


def aligned(given: Sequence[Message], sent: Sequence[Message]) -> Aligned | None:
    """None where messages were added or left out in any other way."""
    found: list[Message | None] = []
    beside: list[str] = []
    hidden: set[str] = set()
    for message in sent:
        calls = message.get("tool_calls") or ()
        ours = [call for call in calls if (call.get("function") or {}).get("name") in HIDDEN]
        if ours:
            hidden |= {str(call.get("id")) for call in ours}
            if len(ours) == len(calls):
                continue
            found.append({**message, "tool_calls": [call for call in calls if call not in ours]})
        elif message.get("role") == "tool" and message.get("tool_call_id") in hidden:
            beside.append(content(message))
        elif count := summarised("chat", message):
            beside.append(content(message))
            found += [None] * count
        else:
            found.append(message)
    return Aligned(tuple(found), tuple(beside)) if len(found) == len(given) else None
