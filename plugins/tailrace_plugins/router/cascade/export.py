"""From kept pairs to lines for fine-tuning, in OpenAI's formats. Pure.

Supervised: {"messages": […, the answer], "tools"?}. Preference (DPO): {"input": {"messages", "tools"?},
"preferred_output": […], "non_preferred_output": […]}.
https://platform.openai.com/docs/guides/supervised-fine-tuning and …/direct-preference-optimization
"""

from collections.abc import Mapping
from typing import Any, Final, Literal

from tailrace.wire.conversation import Turn, read_conversation

Format = Literal["sft", "preference"]
Skipped = Literal["accepted", "media", "no-cheap-answer", "no-answer", "no-messages"]

_SHAPES: Final = ("chat", "responses", "messages", "completions")


def line_of(row: Mapping[str, Any], form: Format) -> dict[str, Any] | Skipped:
    """The line for a row, or why there is none.

    `accepted`: the strong model was not asked, so there is nothing to prefer. `media`: the request held images, audio
    or files that cannot be told in chat messages. `no-cheap-answer`: of a stream only the beginning came before it was
    dropped.
    """
    messages = _messages(row)
    if isinstance(messages, str):
        return messages
    cheap, strong = _answer(row.get("cheap")), _answer(row.get("strong"))
    tools = _tools(row)
    if form == "sft":
        answer = strong or cheap
        return {"messages": [*messages, answer], **tools} if answer else "no-answer"
    if not strong:
        return "accepted"
    if not cheap:
        return "no-cheap-answer"
    asked = {"messages": messages, **tools}
    return {"input": asked, "preferred_output": [strong], "non_preferred_output": [cheap]}


def _answer(message: Any) -> dict[str, Any] | None:
    """The answer, without the null content that a message of calls has."""
    if not isinstance(message, Mapping):
        return None
    return {name: value for name, value in message.items() if value is not None}


def _messages(row: Mapping[str, Any]) -> list[dict[str, Any]] | Skipped:
    """The conversation as chat messages: the client's own where it spoke chat, else made of what it says."""
    request, shape = row.get("request"), row.get("shape")
    if not isinstance(request, Mapping) or shape not in _SHAPES:
        return "no-messages"
    messages = request.get("messages")
    if shape == "chat":
        known = [dict(one) for one in messages if isinstance(one, Mapping)] if isinstance(messages, list) else []
        for message in known:
            if message.get("role") == "developer":
                message["role"] = "system"
        return known or "no-messages"
    turns = read_conversation(shape, request).turns
    if any(turn.images for turn in turns):
        return "media"
    return [_message(turn) for turn in turns] or "no-messages"


def _message(turn: Turn) -> dict[str, Any]:
    message: dict[str, Any] = {"role": turn.role, "content": turn.text}
    if turn.role == "tool":
        message["tool_call_id"] = turn.call_id
    if turn.calls:
        message["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in turn.calls
        ]
        if not turn.text:
            del message["content"]
    return message


def _tools(row: Mapping[str, Any]) -> dict[str, Any]:
    """The client's own tools in chat's form; those that the provider defines have no description to learn from."""
    given = row["request"].get("tools")
    tools = [made for tool in given if (made := _tool(tool)) is not None] if isinstance(given, list) else []
    return {"tools": tools} if tools else {}


def _tool(tool: Any) -> dict[str, Any] | None:
    if not isinstance(tool, Mapping):
        return None
    inner = tool.get("function")
    if isinstance(inner, Mapping):
        return {"type": "function", "function": dict(inner)}
    parameters = tool.get("parameters", tool.get("input_schema"))
    if not isinstance(tool.get("name"), str) or not isinstance(parameters, Mapping):
        return None
    described = {"description": tool["description"]} if isinstance(tool.get("description"), str) else {}
    return {"type": "function", "function": {"name": tool["name"], **described, "parameters": parameters}}
