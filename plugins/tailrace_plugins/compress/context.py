"""What the model is sent before a text, each part with a name that the text can refer to. Pure."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from tailrace.wire import jsonio
from tailrace.wire.endpoints import Shape
from tailrace_plugins.compress.locate import calls, is_models, tool_results
from tailrace_plugins.compress.passes import Earlier, contents

SHORTEST: Final = 120
"""Characters of a text that is worth a reference."""
_ARGUMENT_CHARS: Final = 40
_LEAST_LINES: Final = 3
_VALUE: Final = re.compile(r':\s*"?((?<=")(?:[^"\\]|\\.)+|(?<!")[0-9][0-9.]*)')
_SAID_BY: Final[Mapping[str, str]] = {"user": "the user's message", "system": "the system message"}
_CLEARING: Final = ("context_management", "truncation")


class Context:
    """The texts of a conversation in their order, as they are sent. Calls and their results are numbered from 1."""

    def __init__(self, shape: Shape, lines: Callable[[str], list[str]] = contents) -> None:
        self.texts: list[Earlier] = []
        self._lines = lines
        self._shape = shape
        self._names: dict[str, str] = {}
        self._numbers: dict[str, int] = {}
        self._called = 0
        self._spoken = 0
        self._places: set[str] = set()

    def hear(self, message: Any) -> None:
        """Add the texts of the next message, as it is sent. Never raises, whatever is in it."""
        for id_, name, arguments in reversed(list(calls(message))):
            self._called += 1
            name = " ".join(name.split())
            self._names[id_] = f"{name} {' '.join(_words(arguments).split())[:_ARGUMENT_CHARS]}".strip()
            self._numbers[id_] = self._called
            for key, value in _long(arguments):
                if "\n" not in key:
                    self._add(f'"{key}" of call {self._called} ({name})', value)
        if type(message) is not dict:
            return
        for id_, _, piece in tool_results(self._shape, message):
            number = self._numbers.get(id_)
            name = self._names.get(id_) or " ".join(piece.tool.split())
            self._add(
                f"result {number} ({name})" if number is not None else f"the result of {name or 'a call'}", piece.text
            )
        if not is_models(message):
            said_by = message.get("role")
            texts = list(_own_texts(message))
            self._spoken += said_by == "user" and bool(texts)
            for text in texts:
                place = _SAID_BY.get(said_by if isinstance(said_by, str) else "", "a message")
                self._add(f"{place} {self._spoken}" if said_by == "user" else place, text)

    def _add(self, place: str, text: str) -> None:
        if len(text) < SHORTEST:
            return
        name, part = place, 1
        while name in self._places:
            part += 1
            name = f"{place}, part {part}"
        self._places.add(name)
        self.texts.append(Earlier(name, text, self._lines))


def may_be_cleared(payload: Mapping[str, Any]) -> bool:
    """Whether the provider was asked to leave parts of the context out: a reference could lead to nothing."""
    return any(payload.get(key) not in (None, "disabled") for key in _CLEARING)


def _own_texts(message: Mapping[str, Any]) -> Iterator[str]:
    """What a message that is no tool's result says itself."""
    if message.get("role") not in ("user", "system", "developer"):
        return
    content = message.get("content")
    if isinstance(content, str):
        yield content
    for part in content if type(content) is list else ():
        text = part.get("text") if type(part) is dict else None
        if isinstance(text, str):
            yield text


def _long(arguments: Any) -> Iterator[tuple[str, str]]:
    """Long texts among a call's arguments, as they read without JSON's escapes."""
    if isinstance(arguments, str):
        # A run has several lines: reading all arguments would take as long as all the rest.
        if len(arguments) < SHORTEST or arguments.count("\\n") < _LEAST_LINES:
            return
        try:
            arguments = jsonio.loads(arguments)
        except jsonio.BadJson:
            return
    if type(arguments) is dict:
        for key, value in arguments.items():
            if isinstance(value, str) and len(value) >= SHORTEST:
                yield key, value


def _words(arguments: Any) -> str:
    """What a call is about: the beginning of the values of its arguments, as they are spelled."""
    if isinstance(arguments, str):
        return " ".join(_VALUE.findall(arguments[: 3 * _ARGUMENT_CHARS]))
    if type(arguments) is dict:
        return " ".join(str(value)[:_ARGUMENT_CHARS] for value in arguments.values() if isinstance(value, (str, int)))
    return ""
