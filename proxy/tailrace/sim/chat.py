"""POST /v1/chat/completions: read, and written whole or as chunks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .ask import Ask, Tool, Turn, assemble, dumped, flat, model_of, strings, whole
from .errors import Refusal
from .plan import Choice, Usage
from .schema import valid_name
from .script import DONE, Kind, Step, event
from .tokens import Tokenizer, pieces

FINGERPRINT = "tailrace-sim"
_ROLES = {"developer": "system", "system": "system", "user": "user", "assistant": "assistant", "tool": "tool"}


@dataclass(frozen=True, slots=True)
class Head:
    """What every chunk of one answer repeats."""

    id: str
    model: str
    created: int


def read(body: Mapping[str, Any], tokenizer: Tokenizer) -> Ask:
    """Return what a chat completion request asks for; raises Refusal as OpenAI would refuse it."""
    model = model_of(body)
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise Refusal(
            400, "Missing required parameter: 'messages'.", param="messages", code="missing_required_parameter"
        )
    turns = [_turn(message, at) for at, message in enumerate(messages)]
    _check_answers(messages)
    tools, choice, forced, counted = read_tools(body)
    schema = schema_of(body.get("response_format"))
    return assemble(
        tokenizer,
        model,
        [*counted, *([dumped(schema)] if schema else [])],
        turns,
        seed=body["seed"] if isinstance(body.get("seed"), int) else 0,
        tools=tools,
        choice=choice,
        forced=forced,
        parallel=body.get("parallel_tool_calls") is not False,
        max_tokens=whole(body, "max_completion_tokens", 1, 1 << 30) or whole(body, "max_tokens", 1, 1 << 30),
        stop=strings(body.get("stop"), "stop"),
        n=whole(body, "n", 1, 128) or 1,
        schema=schema,
    )


def read_tools(body: Mapping[str, Any]) -> tuple[tuple[Tool, ...], str, str | None, list[str]]:
    """Return the tools, the choice (auto, none, required), the one forced by name, and the tools as counted.

    Reads both the nested form of chat completions and the flat one of responses; tools the provider runs itself
    (web search and the like) are counted and never called.
    """
    listed = body.get("tools") or []
    if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
        raise Refusal(400, "Invalid type for 'tools': expected an array of objects.", param="tools")
    tools: list[Tool] = []
    for at, one in enumerate(listed):
        function = one.get("function") if isinstance(one.get("function"), dict) else one
        if one.get("type") != "function":
            continue
        name = function.get("name")
        if not isinstance(name, str) or not valid_name(name):
            raise Refusal(400, f"Invalid 'tools[{at}].function.name'.", param=f"tools[{at}].function.name")
        tools.append(Tool(name, function.get("parameters")))
    choice, forced = body.get("tool_choice") or "auto", None
    if isinstance(choice, dict):
        nested = choice.get("function")
        forced = nested.get("name") if isinstance(nested, dict) else choice.get("name")
        choice = choice.get("mode") if isinstance(choice.get("mode"), str) else "auto"
        if forced is not None and forced not in {tool.name for tool in tools}:
            raise Refusal(400, f"Tool choice '{forced}' not found in 'tools' parameter.", param="tool_choice")
    return tuple(tools), str(choice), forced, [dumped(one) for one in listed]


def _turn(message: Any, at: int) -> Turn:
    role = _ROLES.get(message.get("role", "")) if isinstance(message, dict) else None
    if role is None:
        raise Refusal(400, f"Invalid value for 'messages[{at}].role'.", param=f"messages[{at}].role")
    text = flat(message.get("content"), f"messages[{at}].content")
    counted = f"<|{role}|>\n{text}\n"
    calls = message.get("tool_calls") or ()
    if calls:
        counted += "".join(dumped(call.get("function", call)) for call in calls)
    return Turn(role, text, counted, tuple(str(call.get("id")) for call in calls))


def _check_answers(messages: Sequence[Mapping[str, Any]]) -> None:
    """Refuse, as OpenAI does, tool calls left unanswered and answers to calls never made."""
    open_calls: set[str] = set()
    for at, message in enumerate(messages):
        if message.get("role") == "tool":
            answered = str(message.get("tool_call_id"))
            if answered not in open_calls:
                raise Refusal(
                    400,
                    "Invalid parameter: messages with role 'tool' must be a response to a preceding message with "
                    "'tool_calls'.",
                    param=f"messages[{at}].role",
                )
            open_calls.discard(answered)
            continue
        if open_calls:
            break
        open_calls = {str(call.get("id")) for call in message.get("tool_calls") or ()}
    if open_calls:
        raise Refusal(
            400,
            "An assistant message with 'tool_calls' must be followed by tool messages responding to each "
            f"'tool_call_id'. The following tool_call_ids did not have response messages: {', '.join(open_calls)}",
            param="messages",
        )


def schema_of(form: Any) -> Any:
    """Return the schema a response format asks for: None for text, `{}` for any JSON object."""
    if not isinstance(form, dict) or form.get("type") in (None, "text"):
        return None
    if form["type"] == "json_schema":
        given = form.get("json_schema")
        return (given.get("schema") if isinstance(given, dict) else form.get("schema")) or {}
    return {}


def usage_body(usage: Usage) -> dict[str, Any]:
    """Return the usage object of chat completions."""
    return {
        "prompt_tokens": usage.prompt,
        "completion_tokens": usage.completion,
        "total_tokens": usage.prompt + usage.completion,
        "prompt_tokens_details": {"cached_tokens": usage.cached, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": usage.reasoning,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def written(head: Head, choices: Sequence[Choice], usage: Usage, top_logprobs: int | None) -> dict[str, Any]:
    """Return the chat.completion object; `top_logprobs` is None when no logprobs were asked for."""
    return {
        "id": head.id,
        "object": "chat.completion",
        "created": head.created,
        "model": head.model,
        "choices": [
            {
                "index": index,
                "message": _message(choice),
                "logprobs": logprobs(choice.pieces, top_logprobs),
                "finish_reason": choice.finish,
            }
            for index, choice in enumerate(choices)
        ],
        "usage": usage_body(usage),
        "service_tier": "default",
        "system_fingerprint": FINGERPRINT,
    }


def _message(choice: Choice) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": None, "refusal": None, "annotations": []}
    message["refusal" if choice.refusal else "content"] = None if choice.calls else choice.text
    if choice.reasoning:
        message["reasoning_content"] = "".join(choice.reasoning)
    if choice.calls:
        message["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in choice.calls
        ]
    return message


def logprobs(said: Sequence[str], top: int | None) -> dict[str, Any] | None:
    """Return made-up but coherent log probabilities: the chosen token first, each next one less likely."""
    if top is None:
        return None
    content = []
    for piece in said:
        ranked = [_logprob(piece, -0.05)] + [_logprob(f"{piece}~{rank}", -3.0 - rank) for rank in range(1, top)]
        content.append({**_logprob(piece, -0.05), "top_logprobs": ranked[:top]})
    return {"content": content, "refusal": None}


def _logprob(token: str, value: float) -> dict[str, Any]:
    return {"token": token, "logprob": value, "bytes": list(token.encode())}


def chunks(
    head: Head, choices: Sequence[Choice], usage: Usage | None, top_logprobs: int | None = None
) -> Iterator[Step]:
    """Yield the events of a streamed answer; with `usage`, the usage chunk that `include_usage` asks for."""
    base: dict[str, Any] = {
        "id": head.id,
        "object": "chat.completion.chunk",
        "created": head.created,
        "model": head.model,
        "service_tier": "default",
        "system_fingerprint": FINGERPRINT,
    }
    if usage is not None:
        base["usage"] = None
    for index, choice in enumerate(choices):
        for delta, tokens, kind in _deltas(choice):
            said = [delta["content"]] if delta.get("content") else []
            entry = {"index": index, "delta": delta, "logprobs": logprobs(said, top_logprobs), "finish_reason": None}
            yield event({**base, "choices": [entry]}, kind, tokens)
        last = {"index": index, "delta": {}, "logprobs": None, "finish_reason": choice.finish}
        yield event({**base, "choices": [last]}, Kind.FINISH)
    if usage is not None:
        yield event({**base, "choices": [], "usage": usage_body(usage)}, Kind.USAGE)
    yield DONE


def _deltas(choice: Choice) -> Iterator[tuple[dict[str, Any], int, Kind]]:
    """Yield deltas with the tokens each carries: the role, reasoning, text, then calls in OpenAI's fragments."""
    key = "refusal" if choice.refusal else "content"
    yield {"role": "assistant", key: None if choice.calls else ""}, 0, Kind.DELTA
    for piece in choice.reasoning:
        yield {"reasoning_content": piece}, 1, Kind.DELTA
    for piece in choice.pieces:
        yield {key: piece}, 1, Kind.DELTA
    for index, call in enumerate(choice.calls):
        opening = {
            "index": index,
            "id": call.id,
            "type": "function",
            "function": {"name": call.name, "arguments": ""},
        }
        yield {"tool_calls": [opening]}, 1, Kind.TOOL
        for piece in pieces(call.arguments):
            yield {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}, 1, Kind.TOOL
