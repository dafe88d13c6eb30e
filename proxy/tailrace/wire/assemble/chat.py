"""Chat completions: chunks into one `chat.completion`."""

from typing import Any, Final

from tailrace.wire.assemble.deltas import grow, grow_content, settle
from tailrace.wire.assemble.envelope import Envelope, grow_logprobs, keep_last
from tailrace.wire.assemble.toolcalls import ToolCalls

_OF_ITS_OWN: Final = ("index", "delta", "message", "logprobs", "finish_reason", "usage")


class ChatAssembler:
    """Merges chunks by choice index and, in them, tool calls by index and id (see `ToolCalls`).

    Text of any field of a delta (content, refusal, reasoning_content, ...) is joined, other fields grow as in
    `deltas.grow`. Unknown fields of a choice: the last that says something; fields around the choices: see `Envelope`.
    """

    __slots__ = ("_choices", "_envelope")

    def __init__(self) -> None:
        self._envelope = Envelope()
        self._choices: dict[int, _Choice] = {}

    def feed(self, chunk: dict[str, Any]) -> None:
        """Take the next chunk; anything but an object is ignored."""
        for index, given in self._envelope.open(chunk):
            choice = self._choices.get(index)
            if choice is None:
                choice = self._choices[index] = _Choice(index)
            choice.feed(given)

    def result(self) -> dict[str, Any]:
        """The chat completion; `finish_reason` is null in choices that have not finished."""
        choices = [choice.result() for _, choice in sorted(self._choices.items())]
        return self._envelope.answer("chat.completion", choices)


class _Choice:
    __slots__ = ("_calls", "_fields", "_message")

    def __init__(self, index: int) -> None:
        self._fields: dict[str, Any] = {"index": index, "message": None, "finish_reason": None}
        self._message: dict[str, Any] = {"role": None, "content": None}
        self._calls = ToolCalls()

    def feed(self, given: dict[str, Any]) -> None:
        delta = given.get("delta")
        if type(delta) is not dict and not self._message["role"]:
            delta = given.get("message")  # a whole answer sent as a stream of one chunk
        if type(delta) is dict:
            for key, value in delta.items():
                if key == "content":
                    grow_content(self._message, value)
                elif key == "tool_calls" and type(value) is list and value:
                    self._calls.add(value)
                elif key != "index":  # a stray of Mistral's
                    grow(self._message, key, value)
        grow_logprobs(self._fields, given)
        if given.get("finish_reason") is not None:
            self._fields["finish_reason"] = given["finish_reason"]
        for key, value in given.items():
            if key not in _OF_ITS_OWN:
                keep_last(self._fields, key, value)

    def result(self) -> dict[str, Any]:
        message = settle(self._message)
        message["role"] = message["role"] or "assistant"
        if self._calls:
            message["tool_calls"] = self._calls.result()
        choice: dict[str, Any] = settle(self._fields)
        choice["message"] = message
        return choice
