"""What a complete JSON answer says about itself: the facts a `watch.StreamWatch` gathers from a stream."""

from dataclasses import dataclass, field
from typing import Any

from tailrace.wire import usage as usages
from tailrace.wire.usage import Usage


@dataclass(slots=True)
class WholeFacts:
    """Facts of a non-stream answer. `finish_reasons` as in `StreamWatch`, by choice index."""

    response_id: str | None = None
    model: str | None = None
    finish_reasons: list[str] = field(default_factory=list)
    usage: Usage | None = None
    error: dict[str, Any] | None = None


def read_whole(shape: str, body: Any) -> WholeFacts:
    """Read a parsed answer. Never raises; what is missing or of another type stays None.

    `shape` is a stream shape of `watch.Shape`, or any other word (`embeddings`) for answers that have only an id, a
    model and usage. An error object counts also in a 200.
    """
    facts = WholeFacts()
    if type(body) is not dict:
        return facts
    facts.response_id = _text(body.get("id"))
    facts.model = _text(body.get("model"))
    facts.usage = usages.read(body.get("usage"))
    facts.error = error_of(body)
    if shape in ("chat", "completions"):
        choices = body.get("choices")
        found = [choice for choice in choices if type(choice) is dict] if type(choices) is list else []
        found.sort(key=lambda choice: index if type(index := choice.get("index")) is int else 0)
        facts.finish_reasons = [reason for choice in found if (reason := _text(choice.get("finish_reason")))]
    elif shape == "responses":
        ending = response_ending(body)
        facts.finish_reasons = [ending] if ending else []
    elif shape == "messages":
        reason = _text(body.get("stop_reason"))
        facts.finish_reasons = [reason] if reason else []
    return facts


def response_ending(response: dict[str, Any]) -> str | None:
    """How a Responses object ended: its `incomplete_details.reason`, else its status."""
    details = response.get("incomplete_details")
    reason = _text(details.get("reason")) if type(details) is dict else None
    return reason or _text(response.get("status"))


def error_of(told: dict[str, Any]) -> dict[str, Any] | None:
    """The error object in an answer or event of any provider, or None.

    Looked for in `error` (an object or a text), in `response.error` (Responses), and in the message itself where it
    calls itself an error (Responses' flat `error` event, vLLM's `"object": "error"`).
    """
    response = told.get("response")
    holders = (told, response) if type(response) is dict else (told,)
    for holder in holders:
        error = holder.get("error")
        if type(error) is dict:
            return error
        if type(error) is str and error:
            return {"message": error}
    if told.get("type") == "error" or told.get("object") == "error":
        return {key: value for key, value in told.items() if key in ("message", "type", "param", "code")}
    if told.get("type") == "response.failed":
        return {"message": "the response failed"}
    return None


def _text(value: Any) -> str | None:
    return value if type(value) is str and value else None
