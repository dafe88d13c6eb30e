"""POST /v1/messages: Anthropic's wire shape, whole or as named events."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from .ask import Ask, Tool, Turn, assemble, dumped, flat, model_of, strings, whole
from .chat import Head
from .errors import Refusal
from .plan import Choice, Usage
from .prefix import Mark
from .script import Kind, Step, event
from .tokens import Tokenizer, pieces

_STOP = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use", "content_filter": "refusal"}
_HOUR_S, _FIVE_MINUTES_S = 3600.0, 300.0


def read(body: Mapping[str, Any], tokenizer: Tokenizer, *, counting: bool = False) -> Ask:
    """Return what a messages request asks for; `counting` needs no max_tokens. Marks point at segments."""
    model = model_of(body)
    given = body.get("messages")
    if not isinstance(given, list) or not given:
        raise Refusal(400, "messages: at least one message is required")
    limit = whole(body, "max_tokens", 1, 1 << 30)
    if limit is None and not counting:
        raise Refusal(400, "max_tokens: Field required")
    preamble: list[str] = []
    marks: list[Mark] = []
    listed = body.get("tools") or []
    for tool in listed:
        if not isinstance(tool, dict) or not isinstance(tool.get("name"), str):
            raise Refusal(400, "tools.0.name: Field required")
        preamble.append(_counted(tool))
        _mark(tool, len(preamble) - 1, marks)
    system = body.get("system")
    for block in [{"type": "text", "text": system}] if isinstance(system, str) else system or []:
        preamble.append(f"<|system|>\n{flat([block], 'system')}")
        _mark(block, len(preamble) - 1, marks)
    turns: list[Turn] = []
    for at, message in enumerate(given):
        _turns(message, at, turns, marks, len(preamble))
    tools = tuple(Tool(tool["name"], tool["input_schema"]) for tool in listed if "input_schema" in tool)
    given_choice = body.get("tool_choice")
    choice: dict[str, Any] = given_choice if isinstance(given_choice, dict) else {}
    kind = choice.get("type", "auto")
    return assemble(
        tokenizer,
        model,
        preamble,
        turns,
        tools=tools,
        choice="required" if kind == "any" else "none" if kind == "none" else "auto",
        forced=choice.get("name") if kind == "tool" else None,
        parallel=choice.get("disable_parallel_tool_use") is not True,
        max_tokens=limit,
        stop=strings(body.get("stop_sequences"), "stop_sequences"),
        schema=_schema(body),
        marks=tuple(marks),
    )


def _counted(block: Mapping[str, Any]) -> str:
    """Return a block as counted and cached: moving a mark along must not change what is before it."""
    return dumped({key: value for key, value in block.items() if key != "cache_control"})


def _mark(block: Any, index: int, marks: list[Mark]) -> None:
    control = block.get("cache_control") if isinstance(block, dict) else None
    if isinstance(control, dict):
        marks.append(Mark(index, _HOUR_S if control.get("ttl") == "1h" else _FIVE_MINUTES_S))


def _turns(message: Any, at: int, turns: list[Turn], marks: list[Mark], offset: int) -> None:
    """Add a message as one turn per block, so that a mark may stand on any of them."""
    role = message.get("role") if isinstance(message, dict) else None
    if role not in ("user", "assistant", "system"):
        raise Refusal(400, f"messages.{at}.role: Input should be 'user' or 'assistant'")
    content = message.get("content")
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content or []
    # Agents put reminders beside tool results: such a message goes on with the round, the user has not spoken.
    answering = any(isinstance(block, dict) and block.get("type") == "tool_result" for block in blocks)
    for block in blocks:
        if not isinstance(block, dict):
            raise Refusal(400, f"messages.{at}.content: Input should be a valid list")
        kind = block.get("type")
        if kind == "tool_result":
            text = flat(block.get("content"), f"messages.{at}.content")
            known = {call for turn in turns for call in turn.calls}
            if block.get("tool_use_id") not in known:
                raise Refusal(400, f"messages.{at}.content: unexpected `tool_use_id` found in `tool_result` blocks")
            turns.append(Turn("tool", text, f"<|tool|>\n{text}\n"))
        elif kind == "tool_use":
            counted = f"<|assistant|>\n{block.get('name')}{dumped(block.get('input'))}\n"
            turns.append(Turn("assistant", "", counted, (str(block.get("id")),)))
        else:
            text = flat([{key: value for key, value in block.items() if key != "cache_control"}])
            turns.append(Turn("note" if answering else role, text, f"<|{role}|>\n{text}\n"))
        _mark(block, offset + len(turns) - 1, marks)


def _schema(body: Mapping[str, Any]) -> Any:
    form = body.get("output_format") or (body.get("output_config") or {}).get("format")
    return form.get("schema") if isinstance(form, dict) and form.get("type") == "json_schema" else None


def usage_body(usage: Usage, output_tokens: int) -> dict[str, Any]:
    """Return the usage object of messages: `input_tokens` are only those neither read nor written."""
    written = usage.written_5m + usage.written_1h
    return {
        "input_tokens": usage.prompt - usage.cached - written,
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": usage.cached,
        "cache_creation": {
            "ephemeral_5m_input_tokens": usage.written_5m,
            "ephemeral_1h_input_tokens": usage.written_1h,
        },
        "output_tokens": output_tokens,
        "service_tier": "standard",
    }


def _stop_reason(choice: Choice) -> str:
    if choice.calls:
        return "tool_use"
    if choice.refusal:
        return "refusal"
    return "stop_sequence" if choice.stopped_by else _STOP.get(choice.finish, "end_turn")


def written(head: Head, choice: Choice, usage: Usage) -> dict[str, Any]:
    """Return the message object."""
    content: list[dict[str, Any]] = []
    if choice.reasoning:
        content.append({"type": "thinking", "thinking": "".join(choice.reasoning), "signature": "sim"})
    if choice.pieces:
        content.append({"type": "text", "text": choice.text})
    content += [
        {"type": "tool_use", "id": call.id, "name": call.name, "input": orjson.loads(call.arguments)}
        for call in choice.calls
    ]
    return {
        **_message(head),
        "content": content,
        "stop_reason": _stop_reason(choice),
        "stop_sequence": choice.stopped_by,
        "usage": usage_body(usage, usage.completion),
    }


def _message(head: Head) -> dict[str, Any]:
    return {"id": head.id, "type": "message", "role": "assistant", "model": head.model}


def events(head: Head, choice: Choice, usage: Usage) -> Iterator[Step]:
    """Yield the named events of a streamed message, in Anthropic's order."""
    start = {
        **_message(head),
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": usage_body(usage, 1),
    }
    yield _event("message_start", Kind.OPEN, message=start)
    yield _event("ping", Kind.OPEN)
    for index, (block, deltas, kind) in enumerate(_blocks(choice)):
        yield _event("content_block_start", kind, index=index, content_block=block)
        for delta, tokens in deltas:
            yield _event("content_block_delta", kind, tokens, index=index, delta=delta)
        yield _event("content_block_stop", kind, index=index)
    delta = {"stop_reason": _stop_reason(choice), "stop_sequence": choice.stopped_by}
    closing = {key: value for key, value in usage_body(usage, usage.completion).items() if key.endswith("_tokens")}
    yield _event("message_delta", Kind.FINISH, delta=delta, usage=closing)
    yield _event("message_stop", Kind.DONE)


def _blocks(choice: Choice) -> Iterator[tuple[dict[str, Any], list[tuple[dict[str, Any], int]], Kind]]:
    """Yield each content block as it starts, its deltas with the tokens each carries, and their kind."""
    if choice.reasoning:
        thought = [({"type": "thinking_delta", "thinking": piece}, 1) for piece in choice.reasoning]
        signed = ({"type": "signature_delta", "signature": "sim"}, 0)
        yield {"type": "thinking", "thinking": "", "signature": ""}, [*thought, signed], Kind.DELTA
    if choice.pieces:
        said = [({"type": "text_delta", "text": piece}, 1) for piece in choice.pieces]
        yield {"type": "text", "text": ""}, said, Kind.DELTA
    for call in choice.calls:
        parts = [({"type": "input_json_delta", "partial_json": piece}, 1) for piece in ("", *pieces(call.arguments))]
        yield {"type": "tool_use", "id": call.id, "name": call.name, "input": {}}, parts, Kind.TOOL


def _event(name: str, kind: Kind, tokens: int = 0, **fields: Any) -> Step:
    return event({"type": name, **fields}, kind, tokens, name)
