"""A Responses object as events."""

from collections.abc import Iterator
from itertools import count
from typing import Any, Final

from tailrace.wire import jsonio, sse
from tailrace.wire.replay.frames import pieces

_END_BY_STATUS: Final = {"incomplete": "response.incomplete", "failed": "response.failed"}
_UNKNOWN_YET: Final = ("usage", "completed_at", "error", "incomplete_details")

_ITEM_TEXTS: Final = {
    "function_call": ("function_call_arguments", "arguments"),
    "mcp_call": ("mcp_call_arguments", "arguments"),
    "custom_tool_call": ("custom_tool_call_input", "input"),
}
"""By item type: the event's name, and the text field it streams."""

_PART_TEXTS: Final = {
    "output_text": ("output_text", "text"),
    "refusal": ("refusal", "refusal"),
    "reasoning_text": ("reasoning_text", "text"),
    "summary_text": ("reasoning_summary_text", "text"),
}

Told = tuple[str, dict[str, Any]]


def responses_events(body: dict[str, Any], piece_chars: int) -> Iterator[bytes]:
    """Created, in progress, each output item with its parts and texts, and the final event with the whole response."""
    numbers = count()
    for name, payload in _story(body, piece_chars):
        event = {"type": name, **payload, "sequence_number": next(numbers)}
        yield sse.encode(jsonio.dumps(event), name)


def _story(body: dict[str, Any], piece_chars: int) -> Iterator[Told]:
    begun = {**body, "status": "in_progress", "output": []}
    begun.update((key, None) for key in _UNKNOWN_YET if key in body)
    yield "response.created", {"response": begun}
    yield "response.in_progress", {"response": begun}
    for index, item in enumerate(body.get("output") or ()):
        yield from _item(item, index, piece_chars)
    yield _END_BY_STATUS.get(body.get("status") or "", "response.completed"), {"response": body}


def _item(item: dict[str, Any], index: int, piece_chars: int) -> Iterator[Told]:
    begun = dict(item)
    if "status" in item:
        begun["status"] = "in_progress"
    event, field = _ITEM_TEXTS.get(item.get("type") or "", ("", ""))
    text = item.get(field) if field else None
    if type(text) is str:
        begun[field] = ""
    for parts in ("content", "summary"):
        if item.get(parts):
            begun[parts] = []
    yield "response.output_item.added", {"output_index": index, "item": begun}
    place = {"output_index": index, "item_id": item.get("id")}
    if type(text) is str:
        done = {"name": item["name"]} if event == "function_call_arguments" and "name" in item else {}
        yield from _text(event, field, text, place, piece_chars, {}, done)
    for number, part in enumerate(item.get("summary") or ()):
        yield from _part("reasoning_summary_part", part, {**place, "summary_index": number}, piece_chars)
    for number, part in enumerate(item.get("content") or ()):
        yield from _part("content_part", part, {**place, "content_index": number}, piece_chars)
    yield "response.output_item.done", {"output_index": index, "item": item}


def _part(event: str, part: dict[str, Any], place: dict[str, Any], piece_chars: int) -> Iterator[Told]:
    name, field = _PART_TEXTS.get(part.get("type") or "", ("", ""))
    text = part.get(field) if field else None
    if type(text) is not str:
        yield f"response.{event}.added", {**place, "part": part}
        yield f"response.{event}.done", {**place, "part": part}
        return
    begun = {**part, field: ""}
    annotations = part.get("annotations") or []
    if annotations:
        begun["annotations"] = []
    yield f"response.{event}.added", {**place, "part": begun}
    if name == "output_text":
        # All with `done`: the SDK's types want the field in both events.
        told = {"logprobs": part.get("logprobs") or []}
        yield from _text(name, field, text, place, piece_chars, {"logprobs": []}, told)
    else:
        yield from _text(name, field, text, place, piece_chars, {}, {})
    for number, annotation in enumerate(annotations):
        told = {**place, "annotation_index": number, "annotation": annotation}
        yield "response.output_text.annotation.added", told
    yield f"response.{event}.done", {**place, "part": part}


def _text(
    event: str,
    field: str,
    text: str,
    place: dict[str, Any],
    piece_chars: int,
    with_delta: dict[str, Any],
    with_done: dict[str, Any],
) -> Iterator[Told]:
    for piece in pieces(text, piece_chars):
        yield f"response.{event}.delta", {**place, "delta": piece, **with_delta}
    yield f"response.{event}.done", {**place, field: text, **with_done}
