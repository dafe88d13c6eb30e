"""The conversation around the question: turns, tools, the tool loop it is in, and how the last results look."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from tailrace.wire.conversation import Conversation, Turn

_EFFORTS: Final = {"none": -1.0, "minimal": -1.0, "low": -0.5, "medium": 0.0, "high": 1.0, "xhigh": 1.5, "max": 1.5}
_FAILURES: Final = (
    "error",
    "exception",
    "traceback",
    "failed",
    "not found",
    "denied",
    "timed out",
    "no such file",
    "exit code 1",
)
_LOOKED_AT: Final = 400
"""Characters at either end of a tool's result: errors are told at the start, or on the last line."""


def measure(conversation: Conversation, asked: int) -> dict[str, float]:
    """Counts over all turns; `asked` is the index of the user's last text, -1 without one."""
    turns = conversation.turns
    chars = sum(len(turn.text) for turn in turns)
    work = turns[asked + 1 :]
    results = [turn for turn in turns if turn.role == "tool"]
    system = sum(len(turn.text) for turn in turns if turn.role == "system")
    limit = conversation.max_tokens
    return {
        "chars": chars,
        "system_chars": system,
        "turns": len(turns),
        "user_turns": sum(turn.role == "user" for turn in turns),
        "images": sum(turn.images for turn in turns),
        "tools": len(conversation.tools),
        "tool_chars": sum(tool.chars for tool in conversation.tools),
        "forced_tool": float(conversation.forced_tool),
        "loop_depth": sum(turn.role == "tool" for turn in work),
        "tool_results": len(results),
        "errors_in_row": _errors_in_row(results),
        "repeated_calls": _repeated(turns),
        "output": {"text": 0.0, "json": 1.0, "json_schema": 2.0}.get(conversation.output, 0.0),
        "effort": _EFFORTS.get(conversation.effort, 0.0),
        "short_answer": float(limit is not None and limit <= 64),
    }


def question_index(turns: Sequence[Turn]) -> int:
    """Where the user's last words stand, -1 without any."""
    for at in range(len(turns) - 1, -1, -1):
        if turns[at].role == "user" and not turns[at].text.isspace() and turns[at].text:
            return at
    return -1


def looks_failed(turn: Turn) -> bool:
    """Whether a tool's result tells of an error: marked by the client, or by the words at its start or end."""
    if turn.failed:
        return True
    text = turn.text
    seen = text if len(text) <= 2 * _LOOKED_AT else text[:_LOOKED_AT] + text[-_LOOKED_AT:]
    low = seen.lower()
    return any(word in low for word in _FAILURES)


def _errors_in_row(results: Sequence[Turn]) -> int:
    """How many of the last results are errors, without one between that is none."""
    count = 0
    for turn in reversed(results[-20:]):
        if not looks_failed(turn):
            break
        count += 1
    return count


def _repeated(turns: Sequence[Turn]) -> int:
    """How often the commonest of the last 20 calls was made again with the same arguments."""
    calls = [(call.name, call.arguments) for turn in turns[-60:] for call in turn.calls][-20:]
    return max(Counter(calls).values()) - 1 if calls else 0
