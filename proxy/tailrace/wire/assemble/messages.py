"""Anthropic's Messages: events into one `message`."""

from typing import Any, Final

from tailrace.wire import jsonio
from tailrace.wire.assemble.deltas import Pieces, fresh, grow, settle

_JSON: Final = "\0partial_json"
"""Where a block's input gathers until it is complete; no JSON field can be mistaken for it."""

_REPLACED: Final = ("signature",)
"""Delta fields that come whole, as Anthropic's own SDK treats them."""


class MessagesAssembler:
    """Builds the message block by block.

    Text, thinking and compaction deltas are joined, citations listed, a tool's input is parsed from its partial JSON
    (server tools too). What is not JSON in the end, because the stream was cut, stays a string. `message_delta` sets
    the fields it carries; its usage is cumulative and wins over `message_start`'s. A second `message_start` with
    another id starts over (seen where a provider began anew within one stream); with the same id it is ignored.
    """

    __slots__ = ("_blocks", "_message", "_usage")

    def __init__(self) -> None:
        self._message: dict[str, Any] = {"type": "message", "role": "assistant"}
        self._usage: dict[str, Any] | None = None
        self._blocks: dict[int, dict[str, Any]] = {}

    def feed(self, chunk: dict[str, Any]) -> None:
        """Take the next event; unknown events are ignored."""
        if type(chunk) is not dict:
            return
        kind, delta, index = chunk.get("type"), chunk.get("delta"), chunk.get("index")
        key = index if type(index) is int else 0
        if kind == "content_block_delta" and type(delta) is dict:
            _grow_block(self._blocks.setdefault(key, {}), delta)
        elif kind == "content_block_start" and type(block := chunk.get("content_block")) is dict:
            self._blocks[key] = fresh(block)
        elif kind == "message_start" and type(message := chunk.get("message")) is dict:
            self._start(message)
        elif kind == "message_delta":
            for name, value in delta.items() if type(delta) is dict else ():
                self._message[name] = fresh(value)
            for name, value in chunk.items():
                if name not in ("type", "delta", "usage"):
                    self._message[name] = fresh(value)
            self._note_usage(chunk.get("usage"))

    def result(self) -> dict[str, Any]:
        """The message; `stop_reason` is null while it has not ended."""
        message: dict[str, Any] = settle(self._message)
        message["content"] = [_finished(block) for _, block in sorted(self._blocks.items())]
        message.setdefault("stop_reason", None)
        message.setdefault("stop_sequence", None)
        if self._usage is not None:
            message["usage"] = settle(self._usage)
        return message

    def _start(self, message: dict[str, Any]) -> None:
        if self._message.get("id") and message.get("id") == self._message["id"]:
            return
        content = message.get("content")
        blocks = content if type(content) is list else []
        self._blocks = {index: fresh(block) for index, block in enumerate(blocks) if type(block) is dict}
        self._message = {name: fresh(value) for name, value in message.items() if name not in ("content", "usage")}
        self._usage = None
        self._note_usage(message.get("usage"))

    def _note_usage(self, usage: Any) -> None:
        if type(usage) is not dict:
            return
        told = {name: fresh(value) for name, value in usage.items() if value is not None}
        self._usage = {**dict.fromkeys(usage), **(self._usage or {}), **told}


def _grow_block(block: dict[str, Any], delta: dict[str, Any]) -> None:
    for name, value in delta.items():
        if name == "type":
            continue
        if name == "partial_json":
            if type(value) is str:
                block.setdefault(_JSON, Pieces()).append(value)
        elif name == "citation":
            if type(block.get("citations")) is not list:
                block["citations"] = []
            block["citations"].append(fresh(value))
        elif name in _REPLACED:
            block[name] = value
        else:
            grow(block, name, value)


def _finished(block: dict[str, Any]) -> dict[str, Any]:
    done: dict[str, Any] = settle(block)
    spelled = done.pop(_JSON, "")
    if spelled:
        try:
            done["input"] = jsonio.loads(spelled)
        except jsonio.BadJson:
            done["input"] = spelled
    return done
