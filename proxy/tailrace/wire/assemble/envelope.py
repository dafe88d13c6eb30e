"""What stands around the choices of a chunk: id, model, usage and whatever else a provider adds."""

from collections.abc import Iterator
from typing import Any, Final

from tailrace.wire.assemble.deltas import fresh, settle

_IDENTITY: Final = ("id", "created", "model")
_STREAM_ONLY: Final = ("obfuscation", "object", "choices", "usage")


class Envelope:
    """Gathers the top level of chat and completions chunks.

    `id`, `created` and `model` are the first that are not empty (Azure's first chunk has empty ones), `usage` is the
    last that was sent and absent when none was, any other field is the last that is neither null nor empty.
    """

    __slots__ = ("_identity", "_others", "_usage")

    def __init__(self) -> None:
        self._identity: dict[str, Any] = {}
        self._others: dict[str, Any] = {}
        self._usage: dict[str, Any] | None = None

    def open(self, chunk: dict[str, Any]) -> Iterator[tuple[int, dict[str, Any]]]:
        """Note the chunk's own fields and give its choices, each with its index (0 where it has none)."""
        if type(chunk) is not dict:
            return
        for key in _IDENTITY:
            if chunk.get(key) and not self._identity.get(key):
                self._identity[key] = chunk[key]
        for key, value in chunk.items():
            if key not in _IDENTITY and key not in _STREAM_ONLY:
                keep_last(self._others, key, value)
        self._note_usage(chunk.get("usage"))
        choices = chunk.get("choices")
        for choice in choices if type(choices) is list else ():
            if type(choice) is dict:
                self._note_usage(choice.get("usage"))  # Moonshot
                index = choice.get("index")
                yield (index if type(index) is int else 0), choice

    def answer(self, name: str, choices: list[dict[str, Any]]) -> dict[str, Any]:
        """The whole answer; `name` is its `object`."""
        whole: dict[str, Any] = {key: self._identity[key] for key in _IDENTITY if key in self._identity}
        whole |= {"object": name, "choices": choices}
        if self._usage is not None:
            whole["usage"] = settle(self._usage)
        others: dict[str, Any] = settle(self._others)
        return whole | others

    def _note_usage(self, usage: Any) -> None:
        if type(usage) is dict:
            self._usage = fresh(usage)


def keep_last(into: dict[str, Any], key: str, value: Any) -> None:
    """Keep the last value that says something, as a copy.

    Null and empty ones do not replace (Azure's filters); an object adds its fields (Groq tells them in two chunks).
    """
    if type(value) is dict and type(old := into.get(key)) is dict:
        old.update(fresh(value))
    elif value or type(value) in (int, float, bool):
        into[key] = fresh(value)
    else:
        into.setdefault(key, fresh(value))


def grow_logprobs(choice: dict[str, Any], given: dict[str, Any]) -> None:
    """Join the token lists of a choice's `logprobs` (chat: content and refusal; completions: tokens, offsets...)."""
    if "logprobs" not in given:
        return
    logprobs = given["logprobs"]
    if type(logprobs) is not dict:
        choice.setdefault("logprobs", None)
        return
    joined = choice.get("logprobs")
    if type(joined) is not dict:
        joined = choice["logprobs"] = {}
    for key, value in logprobs.items():
        if type(value) is list and type(joined.get(key)) is list:
            joined[key] += [fresh(entry) for entry in value]
        else:
            keep_last(joined, key, value)
