"""A request's conversation in one form, whichever endpoint it came by: for plugins that judge, not rewrite.

Reading never fails: what is not understood is left out, since a provider may understand it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from tailrace.wire import jsonio
from tailrace.wire.endpoints import Shape

Role = Literal["system", "user", "assistant", "tool"]
OutputFormat = Literal["text", "json", "json_schema"]


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call the model made; `arguments` is JSON text as the model wrote it."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Turn:
    """One message, or one tool result. `text` is all of its text, parts joined by line ends."""

    role: Role
    text: str
    images: int = 0
    """Images, audio and files in it."""
    calls: tuple[ToolCall, ...] = ()
    call_id: str = ""
    """Of a tool result: the call it answers."""
    failed: bool = False
    """Of a tool result: whether the client marked it as an error."""


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool the model may call; `chars` is the size of its definition."""

    name: str
    description: str
    chars: int


@dataclass(frozen=True, slots=True)
class Conversation:
    """What the model is given to work on.

    `forced_tool`: it must call a tool. `effort`: the reasoning effort asked for, in the client's own word (`minimal`,
    `low`, `high`, …), `enabled` or `adaptive` where Anthropic's `thinking` is asked for without one, "" for none.
    """

    turns: tuple[Turn, ...]
    tools: tuple[Tool, ...] = ()
    output: OutputFormat = "text"
    forced_tool: bool = False
    max_tokens: int | None = None
    effort: str = ""


def read_conversation(shape: Shape, payload: Mapping[str, Any]) -> Conversation:
    """The conversation in a request body of that shape. Never raises, whatever is in it; linear in its size.

    - System prompts (`system`, `instructions`, role `developer`) are turns with role `system`, where they stand.
    - Every tool result is a turn of its own with role `tool`: those of an Anthropic user message come in their order
      before what else the message says, and a message of results only is no user turn.
    - Responses items that call tools belong to the assistant's turn before them, so that one conversation reads the
      same in every shape. Reasoning is left out.
    - Of a completions request each prompt text is a user turn; prompts of token numbers are left out.
    """
    found = _Turns()
    if shape == "completions":
        _read_prompts(payload, found)
    elif shape == "responses":
        found.add_plain("system", payload.get("instructions"))
        _read_items(payload.get("input"), found)
    else:
        found.add_plain("system", payload.get("system"))
        for message in _list(payload.get("messages")):
            _read_message(_map(message), found)
    return Conversation(
        turns=found.done(),
        tools=tuple(_tools(payload.get("tools"))) + tuple(_tools(payload.get("functions"))),
        output=_output(payload),
        forced_tool=_is_forced(payload.get("tool_choice")) or _is_forced(payload.get("function_call")),
        max_tokens=_max_tokens(payload),
        effort=_effort(payload),
    )


_ROLES: Final[Mapping[str, Role]] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
    "function": "tool",
}
_MEDIA: Final = frozenset(
    {
        "image_url",
        "input_image",
        "image",
        "input_audio",
        "audio",
        "file",
        "input_file",
        "document",
        "video_url",
        "input_video",
        "computer_screenshot",
    }
)
_THOUGHTS: Final = frozenset({"thinking", "redacted_thinking", "reasoning", "reasoning_text", "summary_text"})
_EFFORT_CHARS: Final = 32
_NOTHING: Final[Mapping[str, Any]] = {}


class _Content:
    """What the parts of one message add up to."""

    __slots__ = ("calls", "images", "results", "texts")

    def __init__(self, content: Any) -> None:
        self.texts: list[str] = []
        self.images = 0
        self.calls: list[ToolCall] = []
        self.results: list[Turn] = []
        if isinstance(content, str):
            self.texts.append(content)
        elif isinstance(content, Mapping):
            self._add(content)
        elif isinstance(content, list):
            for part in content:
                if isinstance(part, str):
                    self.texts.append(part)
                else:
                    self._add(_map(part))

    @property
    def text(self) -> str:
        return self.texts[0] if len(self.texts) == 1 else "\n".join(self.texts)

    def _add(self, part: Mapping[str, Any]) -> None:
        kind = _str(part.get("type"))
        if kind in _THOUGHTS:
            return
        if kind == "document" and _str(_map(part.get("source")).get("type")) in ("text", "content"):
            # Anthropic: a document given as text is text to every model.
            source = _map(part.get("source"))
            self._add_inner(source.get("data") or source.get("content"))
        elif kind in _MEDIA:
            self.images += 1
        elif kind == "search_result":
            self._add_inner(part.get("content"))
        elif kind.endswith("tool_use"):
            self.calls.append(ToolCall(_str(part.get("id")), _str(part.get("name")), _arguments(part.get("input"))))
        elif kind.endswith("tool_result"):
            inner = _Inner(part.get("content"))
            self.results.append(
                Turn(
                    "tool",
                    inner.text,
                    inner.images,
                    call_id=_str(part.get("tool_use_id")),
                    failed=part.get("is_error") is True,
                )
            )
        elif isinstance(said := part.get("text", part.get("refusal")), str):
            self.texts.append(said)

    def _add_inner(self, content: Any) -> None:
        inner = _Inner(content)
        self.texts += inner.texts
        self.images += inner.images


class _Inner(_Content):
    """What stands inside a part. It holds no further parts of parts, so that depth costs nothing."""

    __slots__ = ()

    def _add(self, part: Mapping[str, Any]) -> None:
        kind = _str(part.get("type"))
        if kind in _MEDIA:
            self.images += 1
        elif kind not in _THOUGHTS and isinstance(said := part.get("text", part.get("refusal")), str):
            self.texts.append(said)


class _Turns:
    """The turns so far; the last one may still get calls."""

    def __init__(self) -> None:
        self._turns: list[Turn] = []
        self._more: list[ToolCall] = []

    def add(self, turn: Turn) -> None:
        self._close()
        self._turns.append(turn)

    def add_plain(self, role: Role, content: Any) -> None:
        """A turn that only says something, if it does."""
        found = _Content(content)
        if found.texts or found.images:
            self.add(Turn(role, found.text, found.images))

    def call(self, call: ToolCall) -> None:
        """A call as an item of its own."""
        if not self._more and not (self._turns and self._turns[-1].role == "assistant"):
            self.add(Turn("assistant", ""))
        self._more.append(call)

    def done(self) -> tuple[Turn, ...]:
        self._close()
        return tuple(self._turns)

    def _close(self) -> None:
        # Once per turn, however many calls: adding to a tuple one by one would be quadratic.
        if self._more:
            last = self._turns[-1]
            self._turns[-1] = replace(last, calls=(*last.calls, *self._more))
            self._more = []


def _read_message(message: Mapping[str, Any], found: _Turns) -> None:
    role = _ROLES.get(_str(message.get("role")))
    if role is None:
        return
    content = _Content(message.get("content"))
    if isinstance(refusal := message.get("refusal"), str):
        content.texts.append(refusal)
    if role == "tool":
        failed = message.get("is_error") is True
        call_id = _str(message.get("tool_call_id"))
        found.add(Turn(role, content.text, content.images, call_id=call_id, failed=failed))
        return
    calls = [*content.calls, *_calls(message)]
    has_words = bool(content.texts or content.images or calls or not content.results)
    if role == "assistant":
        # Results of tools that the provider ran itself stand in the message of the call.
        if has_words:
            found.add(Turn(role, content.text, content.images, tuple(calls)))
        for result in content.results:
            found.add(result)
        return
    for result in content.results:
        found.add(result)
    if has_words:
        found.add(Turn(role, content.text, content.images, tuple(calls)))


def _calls(message: Mapping[str, Any]) -> Iterator[ToolCall]:
    for value in _list(message.get("tool_calls")):
        call = _map(value)
        inner = _map(call.get("function")) or _map(call.get("custom"))
        if inner:
            given = inner.get("arguments", inner.get("input"))
            yield ToolCall(_str(call.get("id")), _str(inner.get("name")), _arguments(given))
    if legacy := _map(message.get("function_call")):
        yield ToolCall("", _str(legacy.get("name")), _arguments(legacy.get("arguments")))


def _read_items(given: Any, found: _Turns) -> None:
    """The `input` of a Responses request: a text, or items."""
    if isinstance(given, str):
        found.add_plain("user", given)
    for value in _list(given):
        item = _map(value)
        kind = _str(item.get("type"))
        if kind in ("", "message"):
            _read_message(item, found)
        elif kind.endswith("_call_output"):
            result = _Content(item.get("output"))
            call_id = _str(item.get("call_id")) or _str(item.get("id"))
            found.add(Turn("tool", result.text, result.images, call_id=call_id))
        elif kind.endswith("_call"):
            id_ = _str(item.get("call_id")) or _str(item.get("id"))
            name = _str(item.get("name")) or kind.removesuffix("_call")
            asked = next((item[key] for key in ("arguments", "input", "action") if item.get(key) is not None), None)
            found.call(ToolCall(id_, name, _arguments(asked)))
            output, error = item.get("output"), item.get("error")
            if kind == "mcp_call" and (isinstance(output, str) or error):
                # A call and its result in one item.
                text = output if isinstance(output, str) else _arguments(error)
                found.add(Turn("tool", text, call_id=id_, failed=bool(error)))


def _read_prompts(payload: Mapping[str, Any], found: _Turns) -> None:
    prompt, suffix = payload.get("prompt"), payload.get("suffix")
    for text in [prompt] if isinstance(prompt, str) else _list(prompt):
        if isinstance(text, str):
            found.add_plain("user", [text, suffix] if isinstance(suffix, str) and suffix else text)


def _tools(given: Any) -> Iterator[Tool]:
    for value in _list(given):
        tool = _map(value)
        inner = _map(tool.get("function")) or _map(tool.get("custom")) or tool
        # A tool of the provider's own has only a type.
        name = _str(inner.get("name")) or _str(tool.get("type"))
        if name:
            yield Tool(name, _str(inner.get("description")), len(_arguments(tool)))


def _output(payload: Mapping[str, Any]) -> OutputFormat:
    for holder in (
        payload.get("response_format"),
        _map(payload.get("text")).get("format"),
        _map(payload.get("output_config")).get("format"),
        payload.get("output_format"),
    ):
        kind = _map(holder).get("type")
        if kind == "json_schema":
            return "json_schema"
        if kind == "json_object":
            return "json"
    return "text"


def _is_forced(choice: Any) -> bool:
    """Whether a `tool_choice` (or the older `function_call`) leaves the model no way around calling a tool."""
    if isinstance(choice, str):
        return choice in ("required", "any")
    asked = _map(choice)
    kind = asked.get("type")
    if kind == "allowed_tools":
        return "required" in (asked.get("mode"), _map(asked.get("allowed_tools")).get("mode"))
    if kind is None:
        return bool(_str(asked.get("name")) or _map(asked.get("function")))
    return isinstance(kind, str) and kind not in ("auto", "none")


def _max_tokens(payload: Mapping[str, Any]) -> int | None:
    for name in ("max_completion_tokens", "max_tokens", "max_output_tokens"):
        value = payload.get(name)
        # Some clients write 100.0, and orjson reads integers beyond 64 bits as floats.
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if type(value) is int and value > 0:
            return value
    return None


def _effort(payload: Mapping[str, Any]) -> str:
    thinking = _map(payload.get("thinking")).get("type")
    for value in (
        payload.get("reasoning_effort"),
        _map(payload.get("reasoning")).get("effort"),
        _map(payload.get("output_config")).get("effort"),
        thinking if thinking in ("enabled", "adaptive") else None,
    ):
        if isinstance(value, str) and 0 < len(value) <= _EFFORT_CHARS:
            return value.lower()
    return ""


def _arguments(value: Any) -> str:
    """As the model wrote it, or the JSON text of what a client has parsed."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    try:
        return jsonio.dumps(value).decode()
    except (TypeError, RecursionError):
        return ""


def _map(value: Any) -> Mapping[str, Any]:
    if type(value) is dict:  # the usual case, ten times as fast as asking the abstract class
        return value
    return value if isinstance(value, Mapping) else _NOTHING


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _str(value: Any) -> str:
    return value if isinstance(value, str) else ""
