"""What was sent before in a session: the hash chain of its messages, and what was decided for each. Pure.

A message's link is a hash over it and all messages before it, as the client sent them. What comes before the
conversation (tools, instructions, leading system messages) is no part of it: where that changes, the provider has to
read everything anew, and replaying what was decided costs nothing, while undoing it would give up what was saved.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final

from tailrace.wire import jsonio
from tailrace.wire.endpoints import Shape
from tailrace_plugins.compress.locate import Path, is_users, lead

LINK_BYTES: Final = 16
_MARK: Final = "cache_control"


@dataclass(frozen=True, slots=True)
class Edit:
    """A text as it is sent instead of the client's. `before` and `after` are tokens.

    `whole` is what the model is given when it asks for `id`: the text with what was left out of it. Empty where nothing
    was, or where it cannot ask. `chars`: by how many characters it is shorter.
    """

    path: Path
    text: str
    before: int
    after: int
    passes: tuple[str, ...]
    id: str = ""
    whole: str = ""
    chars: int = 0

    @property
    def saved(self) -> int:
        """Tokens saved each time that it is sent."""
        return self.before - self.after


Decision = tuple[Edit, ...]
"""What was decided for a message; without edits it is sent as it is."""


@dataclass(frozen=True, slots=True)
class Links:
    """The links of a request: `of[i]` belongs to message `first + i`, `seed` to what is before. `sizes` are bytes."""

    first: int
    seed: bytes
    of: tuple[bytes, ...]
    sizes: tuple[int, ...]

    def before(self, index: int) -> bytes:
        """The link that message `index` follows."""
        return self.of[index - self.first - 1] if index > self.first else self.seed


def links(shape: Shape, messages: Sequence[Any]) -> Links:
    """The hash chain of a request's messages, from the first that is no system message on.

    Anthropic's `cache_control` marks are left out, since clients move them from turn to turn, and a content that is
    one text is the same as a list of that one text, which clients make of it to place a mark. Everything else of a
    message counts, as does the order of its keys. Linear in the size of the messages.
    """
    first = lead(messages)
    running = blake2b(shape.encode(), digest_size=LINK_BYTES)
    seed = running.digest()
    found: list[bytes] = []
    sizes: list[int] = []
    for index in range(first, len(messages)):
        data = jsonio.dumps(_plain(messages[index]))
        running.update(data)
        # A line end never stands in compact JSON, so that no message runs into the next.
        running.update(b"\n")
        found.append(running.copy().digest())
        sizes.append(len(data))
    return Links(first, seed, tuple(found), tuple(sizes))


def opening(payload: Mapping[str, Any], key: str) -> dict[str, Any]:
    """What a session is known by where the client names none (`derive_session`), without the marks that move."""
    messages = payload.get(key)
    # Not by system prompt and tools: clients write clocks and checksums into the one and add to the others. A session
    # too wide does no harm, since what was decided is found by the chain of messages.
    if type(messages) is not list:
        return {key: messages}
    return {key: [_plain(next((message for message in messages if is_users(message)), None))]}


def _plain(message: Any) -> Any:
    """A message without its marks."""
    if type(message) is not dict:
        return message
    content = message.get("content")
    if type(content) is list:
        if any(_is_marked(part) for part in content):
            content = [_unmarked(part) for part in content]
            message = {**message, "content": content}
        if len(content) == 1 and _is_bare(content[0]):
            message = {**message, "content": content[0]["text"]}
    return {key: value for key, value in message.items() if key != _MARK} if _MARK in message else message


def _is_marked(part: Any) -> bool:
    if type(part) is not dict:
        return False
    inner = part.get("content")
    return _MARK in part or (type(inner) is list and any(type(one) is dict and _MARK in one for one in inner))


def _unmarked(part: Any) -> Any:
    if not _is_marked(part):
        return part
    bare = {key: value for key, value in part.items() if key != _MARK}
    if type(inner := bare.get("content")) is list:
        bare["content"] = [_unmarked(one) for one in inner]
    return bare


def _is_bare(part: Any) -> bool:
    return (
        type(part) is dict and part.keys() == {"type", "text"} and part["type"] == "text" and type(part["text"]) is str
    )


def rough_size(messages: Iterable[Any], enough: int) -> int:
    """About how many characters messages hold; counting ends once it is `enough`."""
    size = 0
    for message in messages:
        size += _rough(message, 5)
        if size >= enough:
            break
    return size


def _rough(value: Any, levels: int) -> int:
    kind = type(value)
    if kind is str:
        return len(value)
    if not levels or (kind is not dict and kind is not list):
        return 8
    return 8 + sum(_rough(member, levels - 1) for member in (value.values() if kind is dict else value))
