"""Signs in a conversation that the model is not up to its work: the reasons to move a session a tier up."""

import zlib
from collections import Counter
from collections.abc import Sequence
from typing import Final, Literal

from tailrace.wire import jsonio
from tailrace.wire.canonical import canonical
from tailrace.wire.conversation import Conversation, ToolCall, Turn
from tailrace_plugins.router.policy.phrases import corrects, refuses
from tailrace_plugins.router.policy.toolerrors import looks_like_error

Sign = Literal["repeated-calls", "tool-errors", "refusal", "user-corrects"]

SIGNS: Final[tuple[Sign, ...]] = ("repeated-calls", "tool-errors", "refusal", "user-corrects")
"""In the order in which they are told."""

_TURNS: Final = 48
"""Last turns that are looked at."""
_CALLS: Final = 8
_REPEATS: Final = 3
_ERRORS: Final = 2
_ARGUMENT_CHARS: Final = 16_384
_RESULT_CHARS: Final = 65_536


def signs_of_failure(conversation: Conversation, answered: int | None = None) -> tuple[Sign, ...]:
    """The signs in the last 48 turns, each at most once.

    - `repeated-calls`: of the last eight tool calls, three are the same (name, and arguments as JSON) and, where their
      results are known, had the same result: running the tests again after each edit is no repetition.
    - `tool-errors`: the last two or more tool results are errors, marked as such or looking like it.
    - `refusal`: the model's last text declines to answer.
    - `user-corrects`: the user's last message says that the answer before it was wrong.

    `answered` is a `mark_of` an earlier request: what stood in it has been dealt with, only later turns count. When the
    mark is not found (a client that sends no history, or a shortened one), all count.
    """
    turns = conversation.turns[-_TURNS:]
    turns = turns[_answered(turns, answered) :]
    found: tuple[tuple[Sign, bool], ...] = (
        ("repeated-calls", _repeats(turns)),
        ("tool-errors", _trailing_errors(turns) >= _ERRORS),
        ("refusal", _is_refused(turns)),
        ("user-corrects", _is_corrected(turns, follows=answered is not None)),
    )
    return tuple(sign for sign, is_there in found if is_there)


def mark_of(conversation: Conversation) -> int:
    """Where a conversation stands: a checksum over its last two turns, to be recognised in a longer one."""
    turns = conversation.turns[-2:]
    return _mark(turns[0] if len(turns) == 2 else None, turns[-1]) if turns else 0


def _answered(turns: Sequence[Turn], mark: int | None) -> int:
    """The first turn after the mark."""
    if mark is None:
        return 0
    for at in range(len(turns) - 1, -1, -1):
        if _mark(turns[at - 1] if at else None, turns[at]) == mark:
            return at + 1
    return 0


def _mark(before: Turn | None, last: Turn) -> int:
    sum_ = 0
    for turn in (before, last):
        if turn is not None:
            # The ends of the texts, not all of them: this runs over the last turns at each request.
            parts = (turn.role, str(len(turn.text)), turn.text[:64], turn.text[-64:], turn.call_id)
            calls = [f"{call.id}{call.name}{len(call.arguments)}{call.arguments[:64]}" for call in turn.calls]
            sum_ = zlib.crc32("\0".join((*parts, *calls)).encode("utf-8", "surrogatepass"), sum_)
    return sum_


def _repeats(turns: Sequence[Turn]) -> bool:
    results = {turn.call_id: turn.text for turn in turns if turn.role == "tool" and turn.call_id}
    calls = [call for turn in turns for call in turn.calls][-_CALLS:]
    same = Counter((call.name, _arguments(call), _result(results.get(call.id))) for call in calls)
    return max(same.values(), default=0) >= _REPEATS


def _arguments(call: ToolCall) -> str:
    """The arguments in one spelling; as they stand where they are no JSON, or very long."""
    if len(call.arguments) > _ARGUMENT_CHARS:
        return call.arguments
    try:
        return canonical(jsonio.loads(call.arguments)).decode()
    except (jsonio.BadJson, TypeError, ValueError):
        return call.arguments


def _result(text: str | None) -> str | None:
    return text if text is None or len(text) <= _RESULT_CHARS else f"{len(text)} {text[:_RESULT_CHARS]}"


def _trailing_errors(turns: Sequence[Turn]) -> int:
    """How many tool results at the end are errors, without a good one or a word of the user between."""
    count = 0
    for at in range(len(turns) - 1, -1, -1):
        turn = turns[at]
        if turn.role == "tool":
            if not (turn.failed or looks_like_error(turn.text)):
                break
            count += 1
        elif turn.role == "user" and not (at and turns[at - 1].role == "tool"):
            # Right behind a result it is what the client adds to it (reminders, the date); else it is a new request.
            break
    return count


def _is_refused(turns: Sequence[Turn]) -> bool:
    last = next((turn for turn in reversed(turns) if turn.role == "assistant"), None)
    return last is not None and not last.calls and refuses(last.text)


def _is_corrected(turns: Sequence[Turn], follows: bool) -> bool:
    """`follows`: there was an answer before these turns."""
    if not turns or turns[-1].role != "user":
        return False
    has_answer = follows or any(turn.role == "assistant" for turn in turns[:-1])
    # What a client adds behind tool results is not the user's word.
    is_added = len(turns) > 1 and turns[-2].role == "tool"
    return has_answer and not is_added and corrects(turns[-1].text)
