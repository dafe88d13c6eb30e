"""Which old messages one summary may stand for. Pure.

A request with half a pair of call and result is refused by every provider, and one in which a Responses item lacks the
reasoning that led to it by OpenAI; so messages are cut in whole answers of the model with all that belongs to them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from tailrace.wire.endpoints import Shape
from tailrace.wire.tools import groups
from tailrace_plugins.compress.locate import is_models, is_users, key_of, lead

_MARK: Final = "cache_control"
_OPAQUE: Final = ("item_reference", "compaction")
"""They stand for messages that are kept at the provider: nobody here can sum them up."""
_LEAST_SHARE: Final = 4
"""A cut that takes out less than this part of what was to go is left for a later turn."""


@dataclass(frozen=True, slots=True)
class Cut:
    """`messages[start:end]` are to be replaced by one summary, a user's message."""

    start: int
    end: int

    @property
    def removed(self) -> int:
        """How many messages go."""
        return self.end - self.start


def plan_cut(shape: Shape, messages: Sequence[Any], *, above: int, target: int, keep_turns: int) -> Cut | None:
    """Where to cut a history of more than `above` messages so that about `target` are left, the summary among them.

    Leading system messages are not counted. None where there is nothing to cut, or too little. What is promised:

    - All up to the first message of the user's stays, with what the user says right behind it: that is the task. Where
      the history begins with answers (a client has cut it), they go and the user's first message stays behind.
    - Calls and results stay together (`tailrace.wire.tools.groups`), and all that belongs to one answer of the model.
    - The last `keep_turns` turns stay, at least one: a turn is an answer of the model and what follows it.
    - What is kept behind the cut begins with an answer of the model or a message of the user's that answers no call.
    - Nothing moves up to a `cache_control` mark, unless it stands where clients move their marks along: in or behind
      the second last of the user's turns.

    Target, turns and pairs may be at odds; then fewer messages go. Linear in the number of messages.
    """
    first = lead(messages)
    excess = len(messages) - first - target
    if key_of(shape) is None or len(messages) - first <= above or excess < 1:
        return None
    starts = _answers(messages)
    # What the model is to go on with (a prefilled answer at the very end) is no turn yet.
    turns = max(1, keep_turns) + is_models(messages[-1])
    if len(starts) <= turns:
        return None
    latest = starts[-turns]
    units = groups(messages)
    begins = {unit.start for unit in units}
    is_answer = set(starts)
    ends = [
        index
        for index in range(first + 1, latest + 1)
        if index in begins and (index in is_answer or _is_said_by_user(messages[index]))
    ]
    pinned = _pinned(messages, starts)
    task = next((index for index in range(first, len(messages)) if _is_said_by_user(messages[index])), None)
    if task is None:
        return _choose(max(first, pinned), ends, excess, begins)
    behind = next((index for index in starts if index > task), len(messages))
    return _choose(max(behind, pinned), ends, excess, begins) or _choose(
        max(first, pinned), [end for end in ends if end <= task], excess, begins
    )


def _choose(start: int, ends: Sequence[int], excess: int, begins: set[int]) -> Cut | None:
    """The cut from `start` on that takes out just enough, else the longest there is."""
    allowed = [end for end in ends if end > start]
    if not allowed:
        return None
    while start not in begins:
        start += 1
    # The summary is one more.
    end = next((end for end in allowed if end - start >= excess + 1), allowed[-1])
    return Cut(start, end) if end - start >= max(2, excess // _LEAST_SHARE) else None


def _answers(messages: Sequence[Any]) -> list[int]:
    """Where the model's answers begin; one may be several messages."""
    return [
        index
        for index, message in enumerate(messages)
        if is_models(message) and not (index and is_models(messages[index - 1]))
    ]


def _is_said_by_user(message: Any) -> bool:
    """Whether the user said it: an Anthropic user's message may also be what tools answered."""
    return is_users(message) and not any(
        isinstance(block, dict) and str(block.get("type")).endswith("tool_result")
        for block in _blocks(message.get("content"))
    )


def _pinned(messages: Sequence[Any], starts: Sequence[int]) -> int:
    """The index behind the last message that must not move, nor anything before it."""
    # Clients mark the newest message and the one that was newest a turn ago, to read what that turn has written.
    moving = starts[-2] if is_models(messages[-1]) else starts[-1]
    while moving and not is_models(messages[moving - 1]):
        moving -= 1
    for index in range(len(messages) - 1, -1, -1):
        message = messages[index]
        if _is_opaque(message) or (index < moving and _is_marked(message, 4)):
            return index + 1
    return 0


def _is_opaque(message: Any) -> bool:
    if not isinstance(message, dict):
        return True
    return message.get("type") in _OPAQUE or any(
        isinstance(block, dict) and block.get("type") in _OPAQUE for block in _blocks(message.get("content"))
    )


def _is_marked(value: Any, levels: int) -> bool:
    """Whether a message or a part of it has a mark; results have parts in their parts."""
    if not levels or not isinstance(value, dict):
        return False
    return bool(value.get(_MARK)) or any(
        _is_marked(part, levels - 1) for key in ("content", "tool_calls", "output") for part in _blocks(value.get(key))
    )


def _blocks(content: Any) -> list[Any]:
    return content if isinstance(content, list) else []
