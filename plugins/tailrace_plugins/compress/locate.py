"""Where in a request the texts stand that may be edited, and the request with such texts replaced. Pure.

Only results of the client's own tools are edited: what a user or the model said stays as it was said. Agents that write
their calls as text get the results as user's messages, with a head that tells (`OBSERVATION:`).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from tailrace.wire.endpoints import Shape
from tailrace_plugins.compress.passes import Piece
from tailrace_plugins.compress.values import as_json, as_list, as_map, as_text

Path = tuple[int, ...]
"""Where in a message a text stands: the part of its content, for Anthropic the block and the part of its content.

A content that is one string has the path of the only part of a list, `(0,)`: clients write the same message either way.
"""
Found = dict[int, list[tuple[Path, Piece]]]
"""By the message's index, the texts in it that may be edited, in their order."""

_KEYS: Final[Mapping[str, str]] = {"chat": "messages", "responses": "input", "messages": "messages"}
_CHAT_ROLES: Final = ("tool", "function")
_CHAT_TEXTS: Final = frozenset({"text"})
_OUTPUTS: Final = ("function_call_output", "custom_tool_call_output")
_RESPONSES_TEXTS: Final = frozenset({"input_text", "output_text", "text"})
_USERS_TEXTS: Final = frozenset({"text", "input_text"})
_OBSERVED: Final = re.compile(
    r"\s*(?:(?:tool |function |command )(?:observation|result|output)s?(?: (?:for|of) [\w.-]{1,64})?:\s*\n"
    r"|observation:"
    r"|EXECUTION RESULT of \[|<(?:returncode|output|tool_response|tool_result|function_results?|observation)>"
    r"|\[[a-z_]{1,40} for '[^'\n]{0,200}'\] Result:"  # Cline and its kin
    r"|\[File: [^\n]{1,300} \([0-9]+ lines total\)\])",  # SWE-agent
    re.IGNORECASE,
)
_HEAD_CHARS: Final = 400
_LEADING: Final = ("system", "developer")
_SAID_BY_MODEL: Final = ("reasoning", "compaction", "item_reference")


def key_of(shape: Shape | None) -> str | None:
    """The payload's field with the messages; None for a shape that has none."""
    return _KEYS.get(shape or "")


def history(shape: Shape | None, payload: Mapping[str, Any]) -> list[Any] | None:
    """The messages of a request, None where it has none in a form that is known. A Responses input that is one text
    has nothing in it to edit.
    """
    key = key_of(shape)
    messages = payload.get(key) if key is not None else None
    if type(messages) is list:
        return messages
    return [] if shape == "responses" and type(messages) is str else None


def lead(messages: Sequence[Any]) -> int:
    """How many system messages stand at the beginning."""
    count = 0
    while count < len(messages) and as_map(messages[count]).get("role") in _LEADING:
        count += 1
    return count


def is_users(message: Any) -> bool:
    """Whether it is a message with role `user`."""
    return bool(as_map(message).get("role") == "user")


def is_models(message: Any) -> bool:
    """Whether the model said it: an assistant's message, a call, a thought."""
    holder = as_map(message)
    kind = holder.get("type")
    return holder.get("role") == "assistant" or (
        isinstance(kind, str) and (kind.endswith("_call") or kind in _SAID_BY_MODEL)
    )


def after_answers(messages: Sequence[Any]) -> int:
    """The index after the model's last answer: what follows it, the provider has not been sent before.

    What the model is to go on with (a prefilled answer at the very end) is no answer yet.
    """
    end = len(messages)
    while end and is_models(messages[end - 1]):
        end -= 1
    while end and not is_models(messages[end - 1]):
        end -= 1
    return end


def locate(
    shape: Shape, messages: Sequence[Any], start: int = 0, *, users: bool = False, observed: bool = True
) -> Found:
    """The texts that may be edited in the messages from `start` on; with `users` what a user says, too, without
    `observed` no result that comes as a user's message.

    A tool result knows the call that it answers, the nearest one before it with its id. Linear in the number of
    messages; never raises, whatever is in them.
    """
    found: Found = {}
    # What a user writes before the model has said anything is no result.
    spoken = next((index for index, message in enumerate(messages) if is_models(message)), len(messages))
    waiting: dict[str, list[tuple[int, int]]] = {}
    for index in range(len(messages) - 1, -1, -1):
        if index < start and not waiting:
            break
        message = messages[index]
        if waiting:
            for id_, name, arguments in calls(message):
                if (results := waiting.pop(id_, None)) is None:
                    continue
                # Once per call: a hostile request may answer one long call many times.
                told = _json(arguments)
                for at, position in results:
                    path, piece = found[at][position]
                    found[at][position] = (path, _answering(piece, name, told))
        if index >= start:
            pieces: list[tuple[Path, Piece]] = []
            for id_, path, piece in tool_results(shape, as_map(message)):
                if not id_ and piece.role == "tool" and is_users(message) and (index < spoken or not observed):
                    continue
                if id_:
                    waiting.setdefault(id_, []).append((index, len(pieces)))
                pieces.append((path, piece))
            if users and is_users(message):
                taken = {path for path, _ in pieces}
                said = _parts(as_map(message).get("content"), (), _USERS_TEXTS, "", Piece("user", ""))
                pieces += [(path, piece) for _, path, piece in said if path not in taken]
            if pieces:
                found[index] = pieces
    return dict(sorted(found.items()))


def replaced(shape: Shape, messages: Sequence[Any], edits: Mapping[int, Mapping[Path, str]]) -> list[Any]:
    """The messages with the texts at these places replaced.

    Nothing of the given ones is changed; a message without edits is the same object, and an edited one keeps all its
    other fields in their order. A place that is not there is left out.
    """
    changed = list(messages)
    for index, texts in edits.items():
        message = as_map(messages[index])
        if shape == "messages" and type(message.get("content")) is list:
            changed[index] = {**message, "content": _blocks(message["content"], texts)}
        else:
            key = "output" if shape == "responses" and message.get("type") in _OUTPUTS else "content"
            changed[index] = {**message, key: _content(message.get(key), texts)}
    return changed


def tool_results(shape: Shape, message: Mapping[str, Any]) -> Iterator[tuple[str, Path, Piece]]:
    """The call's id, the place and the text of each result in a message."""
    role = message.get("role")
    if shape == "responses":
        if message.get("type") in _OUTPUTS:
            call = as_text(message.get("call_id"))
            yield from _parts(message.get("output"), (), _RESPONSES_TEXTS, call, Piece("tool", ""))
            return
    elif shape == "chat":
        if role in _CHAT_ROLES:
            piece = Piece("tool", "", tool=as_text(message.get("name")), failed=message.get("is_error") is True)
            yield from _parts(message.get("content"), (), _CHAT_TEXTS, as_text(message.get("tool_call_id")), piece)
            return
    elif role == "user" and type(message.get("content")) is list:
        for position, value in enumerate(message["content"]):
            block = as_map(value)
            if block.get("type") == "tool_result":
                piece = Piece("tool", "", failed=block.get("is_error") is True)
                call = as_text(block.get("tool_use_id"))
                yield from _parts(block.get("content"), (position,), _CHAT_TEXTS, call, piece)
    if role == "user":
        for id_, path, piece in _parts(message.get("content"), (), _USERS_TEXTS, "", Piece("tool", "")):
            if _OBSERVED.match(piece.text, 0, _HEAD_CHARS):
                yield id_, path, piece


def _parts(
    content: Any, before: Path, kinds: frozenset[str], call: str, piece: Piece
) -> Iterator[tuple[str, Path, Piece]]:
    if type(content) is str:
        yield call, (*before, 0), _saying(piece, content)
        return
    for position, value in enumerate(as_list(content)):
        part = as_map(value)
        text = part.get("text")
        # Citations point into the text by its characters.
        if type(text) is str and as_text(part.get("type")) in kinds and not part.get("citations"):
            yield call, (*before, position), _saying(piece, text)


def _content(content: Any, texts: Mapping[Path, str]) -> Any:
    """A content with texts replaced, whose places are those of its parts."""
    if type(content) is str:
        return texts.get((0,), content)
    if type(content) is not list:
        return content
    parts = list(content)
    for path, text in texts.items():
        at = path[0] if path else len(parts)
        if at < len(parts) and type(as_map(parts[at]).get("text")) is str:
            parts[at] = {**parts[at], "text": text}
    return parts


def _blocks(blocks: list[Any], texts: Mapping[Path, str]) -> list[Any]:
    """Anthropic's content with texts in its tool results, or of its own, replaced."""
    inner: dict[int, dict[Path, str]] = {}
    for path, text in texts.items():
        inner.setdefault(path[0], {})[path[1:]] = text
    changed: list[Any] = _content(blocks, {(at,): within[()] for at, within in inner.items() if () in within})
    for at, within in inner.items():
        if at < len(blocks) and as_map(blocks[at]).get("type") == "tool_result":
            changed[at] = {**blocks[at], "content": _content(blocks[at].get("content"), within)}
    return changed


def calls(message: Any) -> Iterator[tuple[str, str, Any]]:
    """Id, name and arguments of the calls that a message makes, the last one first."""
    holder = as_map(message)
    kind = holder.get("type")
    if isinstance(kind, str) and kind.endswith("_call"):
        yield as_text(holder.get("call_id")), as_text(holder.get("name")), holder.get("arguments", holder.get("input"))
    for value in reversed(as_list(holder.get("tool_calls"))):
        call = as_map(value)
        inner = as_map(call.get("function")) or as_map(call.get("custom"))
        yield as_text(call.get("id")), as_text(inner.get("name")), inner.get("arguments", inner.get("input"))
    for value in reversed(as_list(holder.get("content"))):
        block = as_map(value)
        if as_text(block.get("type")).endswith("tool_use"):
            yield as_text(block.get("id")), as_text(block.get("name")), block.get("input")


def _saying(piece: Piece, text: str) -> Piece:
    return Piece(piece.role, text, piece.tool, piece.arguments, piece.failed)


def _answering(piece: Piece, name: str, arguments: str) -> Piece:
    return Piece(piece.role, piece.text, name or piece.tool, arguments, piece.failed)


def _json(arguments: Any) -> str:
    """Arguments as the model wrote them, or the JSON text of what a client has parsed."""
    return arguments if isinstance(arguments, str) else as_json(arguments)
