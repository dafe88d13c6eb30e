"""POST /v1/responses: items in, items out, whole or as the full sequence of events."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from .ask import Ask, Turn, assemble, dumped, flat, model_of, whole
from .chat import FINGERPRINT, Head, read_tools, schema_of
from .errors import Refusal
from .plan import Choice, Usage
from .script import Kind, Step, event
from .tokens import Tokenizer, pieces

Item = dict[str, Any]
_ROLES = {"developer": "system", "system": "system", "user": "user", "assistant": "assistant"}


def items(given: Any, new_id: Callable[[str], str] | None = None) -> list[Item]:
    """Return `input` as a list of items, each with an id if `new_id` is given to make one."""
    listed = [{"type": "message", "role": "user", "content": given}] if isinstance(given, str) else given
    if not isinstance(listed, list) or not all(isinstance(item, dict) for item in listed):
        raise Refusal(400, "Missing required parameter: 'input'.", param="input", code="missing_required_parameter")
    if new_id is None:
        return listed
    return [_stored(item, new_id) for item in listed]


def _stored(item: Item, new_id: Callable[[str], str]) -> Item:
    made = {"type": "message", "status": "completed", **item}
    made.setdefault("id", new_id("msg_sim_" if made["type"] == "message" else "item_sim_"))
    if made["type"] == "message" and isinstance(made.get("content"), str):
        kind = "output_text" if made.get("role") == "assistant" else "input_text"
        made["content"] = [{"type": kind, "text": made["content"]}]
    return made


def read(body: Mapping[str, Any], earlier: Sequence[Item], tokenizer: Tokenizer) -> Ask:
    """Return what a responses request asks for, after the items that came before it."""
    model = model_of(body)
    tools, choice, forced, counted = read_tools(body)
    instructions = body.get("instructions")
    text = body.get("text")
    schema = schema_of(text.get("format")) if isinstance(text, dict) else None
    turns: list[Turn] = []
    open_calls: set[str] = set()
    for item in [*earlier, *items(body.get("input"))]:
        turns.append(_turn(item, open_calls))
    return assemble(
        tokenizer,
        model,
        [
            *counted,
            *([dumped(schema)] if schema else []),
            *([f"<|system|>\n{flat(instructions, 'instructions')}\n"] if instructions else []),
        ],
        turns,
        tools=tools,
        choice=choice,
        forced=forced,
        parallel=body.get("parallel_tool_calls") is not False,
        max_tokens=whole(body, "max_output_tokens", 16, 1 << 30),
        schema=schema,
    )


def _turn(item: Item, open_calls: set[str]) -> Turn:
    kind = item.get("type", "message")
    if kind == "function_call":
        open_calls.add(str(item.get("call_id")))
        return Turn("assistant", "", f"<|assistant|>\n{item.get('name')}{item.get('arguments')}\n")
    if kind == "function_call_output":
        if item.get("call_id") not in open_calls:
            raise Refusal(
                400, f"No tool call found for function call output with call_id {item.get('call_id')}.", param="input"
            )
        text = flat(item.get("output"), "input")
        return Turn("tool", text, f"<|tool|>\n{text}\n")
    if kind != "message":
        return Turn("note", "", dumped(item))
    role = _ROLES.get(item.get("role", ""))
    if role is None:
        raise Refusal(400, "Invalid value for 'input[].role'.", param="input")
    text = flat(item.get("content"), "input")
    return Turn(role, text, f"<|{role}|>\n{text}\n")


def written(head: Head, body: Mapping[str, Any], choice: Choice, usage: Usage) -> dict[str, Any]:
    """Return the finished response object; what the request set is repeated in it."""
    cut = choice.finish == "length"
    text = body.get("text")
    return {
        "id": head.id,
        "object": "response",
        "created_at": head.created,
        "status": "incomplete" if cut else "completed",
        "background": body.get("background") is True,
        "error": None,
        "incomplete_details": {"reason": "max_output_tokens"} if cut else None,
        "instructions": body.get("instructions"),
        "max_output_tokens": body.get("max_output_tokens"),
        "metadata": body.get("metadata") or {},
        "model": head.model,
        "output": _output(head, choice),
        "parallel_tool_calls": body.get("parallel_tool_calls") is not False,
        "previous_response_id": body.get("previous_response_id"),
        "prompt_cache_key": body.get("prompt_cache_key"),
        "reasoning": {"effort": None, "summary": None},
        "service_tier": "default",
        "store": body.get("store") is not False,
        "system_fingerprint": FINGERPRINT,
        "temperature": 1.0 if body.get("temperature") is None else body["temperature"],
        "text": text if isinstance(text, dict) and "format" in text else {"format": {"type": "text"}},
        "tool_choice": body.get("tool_choice") or "auto",
        "tools": body.get("tools") or [],
        "top_p": 1.0 if body.get("top_p") is None else body["top_p"],
        "truncation": body.get("truncation") or "disabled",
        "usage": {
            "input_tokens": usage.prompt,
            "input_tokens_details": {"cached_tokens": usage.cached},
            "output_tokens": usage.completion,
            "output_tokens_details": {"reasoning_tokens": usage.reasoning},
            "total_tokens": usage.prompt + usage.completion,
        },
        "user": body.get("user"),
    }


def _output(head: Head, choice: Choice) -> list[Item]:
    tail = head.id.removeprefix("resp_sim_")
    out: list[Item] = []
    if choice.reasoning:
        summary = [{"type": "summary_text", "text": "".join(choice.reasoning)}]
        out.append({"id": f"rs_sim_{tail}", "type": "reasoning", "summary": summary})
    for index, call in enumerate(choice.calls):
        out.append(
            {
                "id": f"fc_sim_{tail}_{index}",
                "type": "function_call",
                "status": "completed",
                "arguments": call.arguments,
                "call_id": call.id,
                "name": call.name,
            }
        )
    if not choice.calls:
        out.append(
            {
                "id": f"msg_sim_{tail}",
                "type": "message",
                "status": "incomplete" if choice.finish == "length" else "completed",
                "role": "assistant",
                "content": [_part(choice, choice.text)],
            }
        )
    return out


def _part(choice: Choice, text: str) -> Item:
    if choice.refusal:
        return {"type": "refusal", "refusal": text}
    return {"type": "output_text", "annotations": [], "logprobs": [], "text": text}


def events(done: dict[str, Any], choice: Choice) -> Iterator[Step]:
    """Yield the events of a streamed response; `done` is what `written` made of it."""
    started = {**done, "status": "in_progress", "output": [], "usage": None, "incomplete_details": None}
    for number, (name, kind, tokens, fields) in enumerate(_sequence(done, started, choice)):
        yield event({"type": name, "sequence_number": number, **fields}, kind, tokens, name)


def _sequence(
    done: dict[str, Any], started: dict[str, Any], choice: Choice
) -> Iterator[tuple[str, Kind, int, dict[str, Any]]]:
    yield "response.created", Kind.OPEN, 0, {"response": started}
    yield "response.in_progress", Kind.OPEN, 0, {"response": started}
    for index, item in enumerate(done["output"]):
        at = {"item_id": item["id"], "output_index": index}
        kind = Kind.TOOL if item["type"] == "function_call" else Kind.DELTA
        empty = {**item, **{key: type(item[key])() for key in ("arguments", "content", "summary") if key in item}}
        if item["type"] != "reasoning":
            empty["status"] = "in_progress"
        yield "response.output_item.added", kind, 0, {"output_index": index, "item": empty}
        if item["type"] == "reasoning":
            yield from _reasoning(item, at, choice)
        elif item["type"] == "function_call":
            for piece in pieces(item["arguments"]):
                yield "response.function_call_arguments.delta", kind, 1, {**at, "delta": piece}
            last = {**at, "name": item["name"], "arguments": item["arguments"]}
            yield "response.function_call_arguments.done", Kind.FINISH, 0, last
        else:
            yield from _text(item, at, choice)
        yield "response.output_item.done", Kind.FINISH, 0, {"output_index": index, "item": item}
    yield f"response.{done['status']}", Kind.DONE, 0, {"response": done}


def _reasoning(item: Item, at: dict[str, Any], choice: Choice) -> Iterator[tuple[str, Kind, int, dict[str, Any]]]:
    at = {**at, "summary_index": 0}
    name = "response.reasoning_summary"
    yield f"{name}_part.added", Kind.DELTA, 0, {**at, "part": {"type": "summary_text", "text": ""}}
    for piece in choice.reasoning:
        yield f"{name}_text.delta", Kind.DELTA, 1, {**at, "delta": piece}
    yield f"{name}_text.done", Kind.FINISH, 0, {**at, "text": item["summary"][0]["text"]}
    yield f"{name}_part.done", Kind.FINISH, 0, {**at, "part": item["summary"][0]}


def _text(item: Item, at: dict[str, Any], choice: Choice) -> Iterator[tuple[str, Kind, int, dict[str, Any]]]:
    at = {**at, "content_index": 0}
    name, key = ("response.refusal", "refusal") if choice.refusal else ("response.output_text", "text")
    more: dict[str, Any] = {} if choice.refusal else {"logprobs": []}
    yield "response.content_part.added", Kind.DELTA, 0, {**at, "part": _part(choice, "")}
    for piece in choice.pieces:
        yield f"{name}.delta", Kind.DELTA, 1, {**at, "delta": piece, **more}
    yield f"{name}.done", Kind.FINISH, 0, {**at, key: choice.text, **more}
    yield "response.content_part.done", Kind.FINISH, 0, {**at, "part": item["content"][0]}
