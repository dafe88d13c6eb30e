"""Which messages belong together: a tool call and its answers are one unit, and half a unit is refused upstream.

Works on all three message forms: chat messages (`tool_calls` and role `tool`, also the legacy `function_call` and
role `function`), Responses input items (`*_call` and `*_call_output` by call_id, reasoning before what it led to) and
Anthropic messages (`tool_use` and `tool_result` blocks). Nothing in here copies or changes a message.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

_LEADING_ROLES: Final = ("system", "developer")


def groups(messages: Sequence[dict[str, Any]]) -> list[slice]:
    """Cut a history into units that must be kept or dropped whole.

    The slices are in order, never empty, and cover every message once. A unit reaches from a message that calls tools
    to the last message that answers one of its calls, with whatever stands between; units that overlap are one. Ids
    that providers use again in later turns pair with the nearest call before. An answer without an id goes with the
    message before it when that calls or answers. An answer to no call before it is a unit of its own, an orphan.
    A Responses reasoning item forms a unit with the item after it, which the API demands.
    """
    calls: dict[str, int] = {}
    # reach[i]: one past the last message that belongs to what begins at i.
    reach = [index + 1 for index in range(len(messages))]
    for index, message in enumerate(messages):
        for answered in _answers(message):
            start = calls.get(answered) if answered else None
            if not answered and index and (_calls(messages[index - 1]) or _is_answer(messages[index - 1])):
                start = index - 1
            if start is not None:
                reach[start] = index + 1
        for called in _calls(message):
            calls[called] = index
        if _kind(message) == "reasoning" and index + 1 < len(messages):
            reach[index] = index + 2
    found: list[slice] = []
    start = 0
    while start < len(messages):
        end, index = reach[start], start
        while index < end:
            end = max(end, reach[index])
            index += 1
        found.append(slice(start, end))
        start = end
    return found


def keep_last(messages: Sequence[dict[str, Any]], limit: int) -> list[dict[str, Any]]:
    """The newest part of a history, at most `limit` messages after the leading instructions.

    1. Leading system and developer messages are kept and not counted.
    2. When the others are `limit` or fewer, everything is returned as it is.
    3. Otherwise whole units (see `groups`) are kept from the end while they fit. The last unit is kept even if it
       alone is over the limit.
    4. Orphaned answers at the start of what is kept are dropped.
    5. When that holds no user message, the first one of the history is put in front and takes one place of the limit
       (but never that of the last unit). An Anthropic user message that only answers tools is not one in this sense.

    The list is new, the messages in it are the same objects in the same order. ValueError when `limit` is below 1.
    """
    if limit < 1:
        raise ValueError("a history limit must be at least 1")
    lead = 0
    while lead < len(messages) and _role(messages[lead]) in _LEADING_ROLES:
        lead += 1
    head, body = list(messages[:lead]), messages[lead:]
    if len(body) <= limit:
        return head + list(body)
    units = groups(body)
    start = _start_of_last(body, units, limit)
    first_user = next((index for index, message in enumerate(body) if _is_user(message)), len(body))
    if first_user < start and not any(_is_user(message) for message in body[start:]):
        start = _start_of_last(body, units, limit - 1)
        if first_user < start:
            head.append(body[first_user])
    return head + list(body[start:])


def _start_of_last(body: Sequence[dict[str, Any]], units: list[slice], limit: int) -> int:
    start: int = units[-1].start
    for unit in reversed(units):
        if len(body) - unit.start > limit:
            break
        start = min(start, unit.start)
    orphans = {unit.start: unit.stop for unit in units if _is_answer(body[unit.start]) and not _calls(body[unit.start])}
    while start in orphans:
        start = orphans[start]
    return start


def _kind(message: Any) -> str:
    kind = message.get("type") if isinstance(message, dict) else None
    return kind if isinstance(kind, str) else ""


def _role(message: Any) -> Any:
    return message.get("role") if isinstance(message, dict) else None


def _is_user(message: Any) -> bool:
    return _role(message) == "user" and not _is_answer(message)


def _is_answer(message: Any) -> bool:
    return next(_answers(message), None) is not None


def _calls(message: Any) -> list[str]:
    """The ids of the tool calls a message makes; "" for one without an id."""
    if not isinstance(message, dict):
        return []
    found = []
    tool_calls = message.get("tool_calls")
    for call in tool_calls if isinstance(tool_calls, list) else ():
        found.append(_id(call, "id"))
    if isinstance(message.get("function_call"), dict):
        found.append("")
    kind = _kind(message)
    if kind.endswith("_call") and "call_id" in message:
        found.append(_id(message, "call_id"))
    if kind == "mcp_approval_request":
        found.append(_id(message, "id"))
    found += [_id(block, "id") for block in _blocks(message) if _kind(block).endswith("tool_use")]
    return found


def _answers(message: Any) -> Iterator[str]:
    """The ids of the tool calls a message answers; "" for an answer without an id."""
    if not isinstance(message, dict):
        return
    role, kind = message.get("role"), _kind(message)
    if role in ("tool", "function"):
        yield _id(message, "tool_call_id")
    if kind.endswith("_call_output"):
        yield _id(message, "call_id") or _id(message, "id")  # local_shell_call_output has only `id`
    if kind == "mcp_approval_response":
        yield _id(message, "approval_request_id")
    for block in _blocks(message):
        if _kind(block).endswith("tool_result"):
            yield _id(block, "tool_use_id")


def _blocks(message: dict[str, Any]) -> list[Any]:
    content = message.get("content")
    return content if isinstance(content, list) else []


def _id(holder: Any, key: str) -> str:
    value = holder.get(key) if isinstance(holder, dict) else None
    return value if isinstance(value, str) else ""
