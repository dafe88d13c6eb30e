"""What an answer says, in one form for all four shapes: from a whole body, or from the events so far. Pure.

Reading never fails: what is not understood is left out, and what is no answer at all is `broken`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

from tailrace.wire import jsonio
from tailrace.wire import usage as usages
from tailrace.wire.assemble import assembler
from tailrace.wire.endpoints import Shape
from tailrace.wire.sse import Event
from tailrace.wire.usage import Usage
from tailrace.wire.watch import StreamWatch
from tailrace.wire.whole import error_of

Finish = Literal["", "stop", "calls", "length", "refused", "other"]
"""How an answer ended, whoever says it: "" it has not yet, `calls` with calls to its client's tools, `length` at a
limit, `refused` by the provider's filter or the model's own mark."""

_FINISHES: Final[Mapping[str, Finish]] = {
    "stop": "stop",
    "end_turn": "stop",
    "stop_sequence": "stop",
    "completed": "stop",
    "tool_calls": "calls",
    "function_call": "calls",
    "tool_use": "calls",
    "length": "length",
    "max_tokens": "length",
    "max_output_tokens": "length",
    "model_context_window_exceeded": "length",
    "content_filter": "refused",
    "refusal": "refused",
    "in_progress": "",
    "queued": "",
}
_CHARS_PER_TOKEN: Final = 4


@dataclass(frozen=True, slots=True)
class Call:
    """A call to a tool of the client's. `arguments` as the model wrote them: JSON unless it is a free-text tool."""

    name: str
    arguments: str
    id: str = ""
    is_json: bool = True


@dataclass(frozen=True, slots=True)
class Answer:
    """What an answer says; of several choices the first. `logprobs` are those of its tokens, natural logarithms."""

    text: str = ""
    calls: tuple[Call, ...] = ()
    finish: Finish = ""
    refused: bool = False
    """Whether a refusal is marked as one: in a field of its own, or as the reason to finish."""
    logprobs: tuple[float, ...] = ()
    usage: Usage | None = None
    broken: bool = False
    """Whether this is an error, or no answer of its shape."""

    @property
    def is_complete(self) -> bool:
        """Whether it ended as it should and says something: fit to be learnt from."""
        return self.finish in ("stop", "calls") and not self.refused and bool(self.text or self.calls)

    def as_message(self) -> dict[str, Any]:
        """The answer as a chat message of the assistant, whichever shape it came in."""
        message: dict[str, Any] = {"role": "assistant", "content": self.text or None}
        if self.calls:
            message["tool_calls"] = [
                {
                    "id": call.id or f"call_{place}",
                    "type": "function",
                    "function": {"name": call.name, "arguments": call.arguments},
                }
                for place, call in enumerate(self.calls)
            ]
        return message


@dataclass(slots=True)
class _Found:
    """An answer in the making."""

    texts: list[str] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    refused: bool = False
    logprobs: list[float] = field(default_factory=list)


def read_answer(shape: Shape, body: Any) -> Answer:
    """Read a parsed body, or what an assembler made of a stream."""
    if type(body) is not dict or error_of(body) is not None:
        return Answer(broken=True)
    found = _Found()
    if shape == "messages":
        finish = _read_message(body, found)
    elif shape == "responses":
        finish = _read_response(body, found)
    else:
        finish = _read_choice(shape, body, found)
    if finish is None:
        return Answer(broken=True, usage=usages.read(body.get("usage")))
    ended = _FINISHES.get(finish, "other")
    return Answer(
        text="".join(found.texts),
        calls=tuple(found.calls),
        finish="calls" if found.calls and ended == "stop" else ended,
        refused=found.refused or ended == "refused",
        logprobs=tuple(found.logprobs),
        usage=usages.read(body.get("usage")),
    )


class AnswerReader:
    """Reads a stream event by event. `tokens` is how much of the answer itself has come (reasoning left out): counted
    where log probabilities are given, else four characters each and at least one per delta.
    """

    def __init__(self, shape: Shape, choices: int = 1) -> None:
        self._shape = shape
        self._assembler = assembler(shape)
        self._logprobs: list[float] = []
        self.watch = StreamWatch(shape, choices=choices)
        self.tokens = 0
        self.calls_begun = False

    @property
    def is_over(self) -> bool:
        """Whether all is known: the provider said that nothing more comes, or how it ended and what it cost."""
        return self.watch.done or (self.watch.terminal and self.watch.usage is not None)

    def feed(self, event: Event) -> None:
        """Take the next event. Never raises."""
        self.watch.feed(event.raw)
        told = event.json
        if type(told) is not dict:
            return
        self._assembler.feed(told)
        if self._shape == "messages":
            self._hear_message(told)
        elif self._shape == "responses":
            self._hear_response(told)
        else:
            self._hear_chunk(told)

    def answer(self) -> Answer:
        """The answer as far as it has come."""
        if self.watch.error is not None:
            return Answer(broken=True, usage=self.watch.usage)
        answer = read_answer(self._shape, self._assembler.result())
        if answer.broken and not self.watch.terminal:
            # Nothing was said yet.
            answer = Answer()
        return replace(answer, logprobs=answer.logprobs or tuple(self._logprobs), usage=self.watch.usage)

    def _hear_chunk(self, chunk: dict[str, Any]) -> None:
        for choice in _dicts(chunk.get("choices")):
            if choice.get("index") not in (0, None):
                continue
            delta = _dict(choice.get("delta"))
            if delta.get("tool_calls") or delta.get("function_call"):
                self.calls_begun = True
            told = list(_choice_logprobs(self._shape, choice))
            text = choice.get("text") if self._shape == "completions" else delta.get("content") or delta.get("refusal")
            self._count(text, len(told))

    def _hear_response(self, event: dict[str, Any]) -> None:
        kind = _str(event.get("type"))
        if kind in ("response.output_text.delta", "response.refusal.delta"):
            told = [*_token_logprobs(event.get("logprobs"))]
            self._logprobs += told
            self._count(event.get("delta"), len(told))
        elif kind == "response.output_item.added":
            self.calls_begun |= _str(_dict(event.get("item")).get("type")) in ("function_call", "custom_tool_call")

    def _hear_message(self, event: dict[str, Any]) -> None:
        if event.get("type") == "content_block_delta":
            self._count(_dict(event.get("delta")).get("text"), 0)
        elif event.get("type") == "content_block_start":
            self.calls_begun |= _dict(event.get("content_block")).get("type") == "tool_use"

    def _count(self, text: Any, tokens: int) -> None:
        if isinstance(text, list):
            text = _text_of(text)
        if isinstance(text, str) and text:
            self.tokens += tokens or -(-len(text) // _CHARS_PER_TOKEN)


def _read_choice(shape: Shape, body: dict[str, Any], found: _Found) -> str | None:
    choices = [*_dicts(body.get("choices"))]
    if not choices:
        return None
    choice = next((choice for choice in choices if choice.get("index") == 0), choices[0])
    found.logprobs += _choice_logprobs(shape, choice)
    if shape == "completions":
        found.texts.append(_str(choice.get("text")))
        return _str(choice.get("finish_reason")) or "in_progress"
    message = choice.get("message")
    if type(message) is not dict:
        return None
    found.texts.append(_text_of(message.get("content")))
    found.refused = bool(message.get("refusal"))
    for call in _dicts(message.get("tool_calls")):
        inner, custom = _dict(call.get("function")), _dict(call.get("custom"))
        if inner or custom:
            id_ = _str(call.get("id"))
            found.calls.append(_call(inner, "arguments", id_) if inner else _call(custom, "input", id_, is_json=False))
    if legacy := _dict(message.get("function_call")):
        found.calls.append(_call(legacy, "arguments", ""))
    return _str(choice.get("finish_reason")) or "in_progress"


def _read_response(body: dict[str, Any], found: _Found) -> str | None:
    status = _str(body.get("status")) or "in_progress"
    if status in ("failed", "cancelled"):
        return None
    for item in _dicts(body.get("output")):
        kind = item.get("type")
        if kind == "message":
            for part in _dicts(item.get("content")):
                found.refused |= part.get("type") == "refusal"
                found.texts.append(_str(part.get("text")) or _str(part.get("refusal")))
                found.logprobs += _token_logprobs(part.get("logprobs"))
        elif kind == "function_call":
            found.calls.append(_call(item, "arguments", _str(item.get("call_id"))))
        elif kind == "custom_tool_call":
            found.calls.append(_call(item, "input", _str(item.get("call_id")), is_json=False))
    return _str(_dict(body.get("incomplete_details")).get("reason")) or status


def _read_message(body: dict[str, Any], found: _Found) -> str | None:
    content = body.get("content")
    if type(content) is not list:
        return None
    for block in _dicts(content):
        if block.get("type") == "text":
            found.texts.append(_str(block.get("text")))
        elif block.get("type") == "tool_use":
            found.calls.append(_call(block, "input", _str(block.get("id"))))
    return _str(body.get("stop_reason")) or "in_progress"


def _call(holder: dict[str, Any], key: str, id_: str, *, is_json: bool = True) -> Call:
    given = holder.get(key)
    arguments = given if isinstance(given, str) else jsonio.dumps(given).decode() if given is not None else ""
    return Call(_str(holder.get("name")), arguments, id_, is_json)


def _choice_logprobs(shape: Shape, choice: dict[str, Any]) -> Iterator[float]:
    logprobs = _dict(choice.get("logprobs"))
    if shape == "completions":
        for value in _list(logprobs.get("token_logprobs")):
            if type(value) is float or type(value) is int:
                yield float(value)
        return
    yield from _token_logprobs(logprobs.get("content"))


def _token_logprobs(tokens: Any) -> Iterator[float]:
    for token in _dicts(tokens):
        value = token.get("logprob")
        if type(value) is float or type(value) is int:
            yield float(value)


def _text_of(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "".join(_str(part.get("text")) for part in _dicts(content))


def _dicts(value: Any) -> Iterator[dict[str, Any]]:
    return (member for member in _list(value) if type(member) is dict)


def _list(value: Any) -> list[Any]:
    return value if type(value) is list else []


def _dict(value: Any) -> dict[str, Any]:
    return value if type(value) is dict else {}


def _str(value: Any) -> str:
    return value if type(value) is str else ""
