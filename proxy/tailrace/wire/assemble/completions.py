"""Legacy completions: chunks into one `text_completion`."""

from typing import Any, Final

from tailrace.wire.assemble.deltas import grow, settle
from tailrace.wire.assemble.envelope import Envelope, grow_logprobs, keep_last

_OF_ITS_OWN: Final = ("index", "text", "logprobs", "finish_reason", "usage")


class CompletionsAssembler:
    """Merges chunks by choice index: texts and token lists are joined, the rest as in `ChatAssembler`."""

    __slots__ = ("_choices", "_envelope")

    def __init__(self) -> None:
        self._envelope = Envelope()
        self._choices: dict[int, dict[str, Any]] = {}

    def feed(self, chunk: dict[str, Any]) -> None:
        """Take the next chunk; anything but an object is ignored."""
        for index, given in self._envelope.open(chunk):
            choice = self._choices.setdefault(index, {"text": "", "index": index, "finish_reason": None})
            if type(text := given.get("text")) is str and text:
                grow(choice, "text", text)
            grow_logprobs(choice, given)
            if given.get("finish_reason") is not None:
                choice["finish_reason"] = given["finish_reason"]
            for key, value in given.items():
                if key not in _OF_ITS_OWN:
                    keep_last(choice, key, value)

    def result(self) -> dict[str, Any]:
        """The completion; `finish_reason` is null in choices that have not finished."""
        return self._envelope.answer("text_completion", [settle(choice) for _, choice in sorted(self._choices.items())])
