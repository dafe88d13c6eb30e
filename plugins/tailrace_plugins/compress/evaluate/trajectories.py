"""Recorded conversations: JSON Lines files, and the system prompt and tools that all of them were held with.

A line is {"messages": [...], "id"?: …, "tools"?: [...]}, the messages as in a chat completions request. Every assistant
message is one answer, and all before it the request that it answers.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tailrace.wire import jsonio

Message = Mapping[str, Any]

_ROLES: Final = ("system", "developer", "user", "assistant", "tool", "function")
_HEADS: Final = ("system", "developer")


@dataclass(frozen=True, slots=True)
class Trajectory:
    """One conversation from its system prompt to its last message."""

    id: str
    messages: tuple[Message, ...]
    tools: tuple[Mapping[str, Any], ...] = ()

    def answers(self) -> Iterator[int]:
        """The positions of the answers that were asked for: each is an assistant message with something before it."""
        for position, message in enumerate(self.messages):
            if position and message["role"] == "assistant":
                yield position


class BadTrajectories(ValueError):
    """A file that cannot be read as what it should be; the text names file, line and mistake."""


def read_system(path: Path) -> Message:
    """The system message: a message or a string as JSON, or plain text.

    Raises `BadTrajectories`, and OSError for a file that cannot be read.
    """
    data = path.read_bytes()
    try:
        given = jsonio.loads(data)
    except jsonio.BadJson:
        given = _text(path, data)
    if isinstance(given, str) and given.strip():
        return {"role": "system", "content": given}
    if isinstance(given, dict) and given.get("role") in _HEADS and isinstance(given.get("content"), (str, list)):
        return given
    raise BadTrajectories(f"{path}: neither a system message with 'role' and 'content', nor a string, nor plain text")


def read_tools(path: Path) -> tuple[Mapping[str, Any], ...]:
    """The tools as a request lists them. Raises as `read_system`."""
    try:
        return _tools(jsonio.loads(path.read_bytes()))
    except jsonio.BadJson as error:
        raise BadTrajectories(f"{path}: no JSON ({error.reason})") from None
    except BadTrajectories as error:
        raise BadTrajectories(f"{path}: {error}") from None


def read_trajectories(
    path: Path, system: Message | None = None, tools: Sequence[Mapping[str, Any]] = ()
) -> list[Trajectory]:
    """The conversations of a file, those without an answer left out. A row's own system prompt or tools win.

    Raises as `read_system`.
    """
    found = []
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        if not line.strip():
            continue
        try:
            one = _trajectory(jsonio.loads_object(line), str(number), system, tuple(tools))
        except jsonio.BadJson as error:
            raise BadTrajectories(f"{path}:{number}: no JSON object ({error.reason})") from None
        except BadTrajectories as error:
            raise BadTrajectories(f"{path}:{number}: {error}") from None
        if any(True for _ in one.answers()):
            found.append(one)
    if not found:
        raise BadTrajectories(f"{path}: no conversation with an assistant's answer")
    return found


def _trajectory(
    row: Mapping[str, Any], number: str, system: Message | None, tools: tuple[Mapping[str, Any], ...]
) -> Trajectory:
    messages = row.get("messages")
    if not isinstance(messages, list) or not messages:
        raise BadTrajectories("'messages' must be a list of chat messages")
    for position, message in enumerate(messages):
        _check(f"messages[{position}]", message)
    if system is not None and messages[0]["role"] not in _HEADS:
        messages = [system, *messages]
    name = row.get("id")
    return Trajectory(
        str(name) if isinstance(name, (str, int)) and name != "" else f"line {number}",
        tuple(messages),
        _tools(row["tools"]) if row.get("tools") is not None else tools,
    )


def _check(place: str, message: Any) -> None:
    if not isinstance(message, dict):
        raise BadTrajectories(f"{place} must be an object")
    if message.get("role") not in _ROLES:
        raise BadTrajectories(f"{place}.role must be one of {', '.join(_ROLES)}")
    content = message.get("content")
    if not (content is None or isinstance(content, str) or _all_objects(content)):
        raise BadTrajectories(f"{place}.content must be a text, a list of parts or null")
    calls = message.get("tool_calls")
    if not (calls is None or _all_objects(calls)):
        raise BadTrajectories(f"{place}.tool_calls must be a list of objects")
    for at, call in enumerate(calls or ()):
        function = call.get("function")
        if function is not None and not isinstance(function, dict):
            raise BadTrajectories(f"{place}.tool_calls[{at}].function must be an object")


def _tools(given: Any) -> tuple[Mapping[str, Any], ...]:
    if not _all_objects(given):
        raise BadTrajectories("tools must be a list of objects")
    return tuple(given)


def _all_objects(given: Any) -> bool:
    return isinstance(given, list) and all(isinstance(one, dict) for one in given)


def _text(path: Path, data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BadTrajectories(f"{path}: neither JSON nor text in UTF-8") from None
