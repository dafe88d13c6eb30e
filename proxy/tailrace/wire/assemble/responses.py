"""OpenAI's Responses: events into one `response`."""

from typing import Any, Final

from tailrace.wire.assemble.deltas import Pieces, fresh, grow, settle

_STARTS: Final = ("response.created", "response.queued", "response.in_progress")
_ENDS: Final = ("response.completed", "response.incomplete", "response.failed", "response.cancelled")

_ITEM_TEXTS: Final = {
    "function_call_arguments": "arguments",
    "mcp_call_arguments": "arguments",
    "custom_tool_call_input": "input",
    "code_interpreter_call_code": "code",
}
"""Events `response.NAME.delta` and `.done` that grow a field of the output item itself."""

_PART_TEXTS: Final = {
    "output_text": ("content", "content_index", "text"),
    "refusal": ("content", "content_index", "refusal"),
    "reasoning_text": ("content", "content_index", "text"),
    "reasoning_summary_text": ("summary", "summary_index", "text"),
}
"""Events that grow a part of an item: the item's list, the field with the part's place in it, the part's field."""

_PARTS: Final = {"content_part": ("content", "content_index"), "reasoning_summary_part": ("summary", "summary_index")}


class ResponsesAssembler:
    """Takes the response out of the final event, or builds it from what came before when there was none.

    Where the final event leaves `output` empty though items were streamed (seen with gateways), the built items are
    filled in. `*.done` events win over the deltas before them. A cut stream's response keeps the status it began with.
    """

    __slots__ = ("_final", "_items", "_start")

    def __init__(self) -> None:
        self._start: dict[str, Any] = {"object": "response"}
        self._final: dict[str, Any] | None = None
        self._items: dict[int, dict[str, Any]] = {}

    def feed(self, chunk: dict[str, Any]) -> None:
        """Take the next event; unknown events are ignored."""
        kind = chunk.get("type") if type(chunk) is dict else None
        if type(kind) is not str or not kind.startswith("response."):
            return
        if kind in _STARTS or kind in _ENDS:
            response = chunk.get("response")
            if type(response) is dict:
                if kind in _ENDS:
                    self._final = fresh(response)
                else:
                    self._start = fresh(response)
            return
        index = chunk.get("output_index")
        if type(index) is not int:
            return
        if kind in ("response.output_item.added", "response.output_item.done"):
            if type(item := chunk.get("item")) is dict:
                self._items[index] = fresh(item)
            return
        _, name, *rest = kind.split(".")
        _grow_item(self._items.setdefault(index, {}), name, rest, chunk)

    def result(self) -> dict[str, Any]:
        """The response object."""
        built = [settle(item) for _, item in sorted(self._items.items())]
        response: dict[str, Any] = settle(self._start if self._final is None else self._final)
        if built and not response.get("output"):
            response["output"] = built
        return response


def _grow_item(item: dict[str, Any], name: str, rest: list[str], chunk: dict[str, Any]) -> None:
    step = rest[-1] if rest else ""
    if name in _ITEM_TEXTS:
        _grow_text(item, _ITEM_TEXTS[name], step, chunk)
    elif name in _PARTS:
        parts, place = _PARTS[name]
        if type(part := chunk.get("part")) is dict:
            _part(item, parts, chunk.get(place)).update(fresh(part))
    elif name in _PART_TEXTS:
        parts, place, field = _PART_TEXTS[name]
        part = _part(item, parts, chunk.get(place))
        part.setdefault("type", "summary_text" if parts == "summary" else name)
        if rest[:1] == ["annotation"]:
            annotations = part.get("annotations")
            if type(annotations) is not list:
                annotations = part["annotations"] = []
            annotations.append(fresh(chunk.get("annotation")))
        else:
            _grow_text(part, field, step, chunk)


def _grow_text(holder: dict[str, Any], field: str, step: str, chunk: dict[str, Any]) -> None:
    if step == "delta" and type(delta := chunk.get("delta")) is str:
        grow(holder, field, delta)
    elif step == "done" and type(text := chunk.get(field)) is str:
        holder[field] = Pieces((text,))


def _part(item: dict[str, Any], parts: str, index: Any) -> dict[str, Any]:
    """The part of an item at that place; a place out of order becomes the next."""
    held = item.get(parts)
    if type(held) is not list:
        held = item[parts] = []
    place = index if type(index) is int and 0 <= index <= len(held) else len(held)
    if place == len(held):
        held.append({})
    if type(held[place]) is not dict:
        held[place] = {}
    part: dict[str, Any] = held[place]
    return part
