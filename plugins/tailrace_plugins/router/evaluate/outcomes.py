"""Questions, and how a weak and a strong model did on them: JSON Lines files, plain or gzipped.

A line is {"prompt": …, "weak_correct": false, "strong_correct": true}. Instead of `prompt`: `turns` (the first one is
what is routed, as RouteLLM does with MT-Bench), `messages`, or `request`, a whole request body. Instead of
`*_correct`, which may be numbers, too: `*_scores`, {turn: score}, of which the mean counts. Rows with
`contaminated: true` are dropped. `weak_cost_usd` and `strong_cost_usd` may be given.
"""

import difflib
import gzip
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any, Final

from tailrace.wire import jsonio
from tailrace.wire.conversation import Conversation, Turn, read_conversation
from tailrace.wire.endpoints import Shape

_ASKED: Final = ("prompt", "turns", "messages", "request")
_KEYS: Final = (
    *_ASKED,
    "weak_correct",
    "strong_correct",
    "weak_scores",
    "strong_scores",
    "weak_cost_usd",
    "strong_cost_usd",
    "contaminated",
    "domain",
    "id",
)
_GZIP: Final = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class Row:
    """A question and its outcomes: `weak` and `strong` are 0 and 1, or scores on any scale that the file keeps to."""

    conversation: Conversation
    weak: float
    strong: float
    domain: str = ""
    weak_cost_usd: float | None = None
    strong_cost_usd: float | None = None

    @property
    def chars(self) -> int:
        """Length of what is asked."""
        return sum(len(turn.text) for turn in self.conversation.turns)


@dataclass(frozen=True, slots=True)
class Outcomes:
    """The rows of a file, and how many were dropped as contaminated."""

    rows: tuple[Row, ...]
    contaminated: int = 0


class BadOutcomes(ValueError):
    """A file that is no list of outcomes; the text names file, line and mistake."""


def read_outcomes(path: Path) -> Outcomes:
    """The rows of a file; blank lines and further fields are passed over.

    Raises `BadOutcomes`, and OSError for a file that cannot be read.
    """
    rows: list[Row] = []
    contaminated = _each(path, lambda given: rows.append(_row(given)))
    if not rows:
        raise BadOutcomes(f"{path}: no rows" + (f" ({contaminated} contaminated ones dropped)" if contaminated else ""))
    return Outcomes(tuple(rows), contaminated)


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The rows as they stand in the file, without contaminated ones; for training. `source` names the file where a row
    says nothing else. Rows with a `tier` need no outcomes. Raises as `read_outcomes`.
    """
    found: list[dict[str, Any]] = []

    def take(given: dict[str, Any]) -> None:
        _asked(given) if "tier" in given else _row(given)
        found.append({"source": path.name.partition(".")[0], **given})

    _each(path, take)
    return found


def _each(path: Path, take: Callable[[dict[str, Any]], None]) -> int:
    """Hand over each row that is not contaminated; how many are."""
    data = path.read_bytes()
    if data.startswith(_GZIP):
        try:
            data = gzip.decompress(data)
        except (OSError, EOFError, zlib.error) as error:
            raise BadOutcomes(f"{path}: not a whole gzip file ({error})") from None
    contaminated = 0
    for number, line in enumerate(data.splitlines(), 1):
        if not line.strip():
            continue
        try:
            given = jsonio.loads_object(line)
            if given.get("contaminated") is True:
                contaminated += 1
            else:
                take(given)
        except jsonio.BadJson as error:
            raise BadOutcomes(f"{path}:{number}: no JSON object ({error.reason})") from None
        except BadOutcomes as error:
            raise BadOutcomes(f"{path}:{number}: {error}") from None
    return contaminated


def _row(given: Mapping[str, Any]) -> Row:
    domain = given.get("domain")
    return Row(
        conversation=_asked(given),
        weak=_outcome(given, "weak"),
        strong=_outcome(given, "strong"),
        domain=domain if isinstance(domain, str) else "",
        weak_cost_usd=_cost(given, "weak_cost_usd"),
        strong_cost_usd=_cost(given, "strong_cost_usd"),
    )


def _asked(given: Mapping[str, Any]) -> Conversation:
    if isinstance(prompt := given.get("prompt"), str):
        return Conversation((Turn("user", prompt),))
    turns = given.get("turns")
    if isinstance(turns, list) and turns and isinstance(turns[0], str):
        return Conversation((Turn("user", turns[0]),))
    request = given.get("request", given)
    if isinstance(request, Mapping):
        shape: Shape = "responses" if "input" in request else "completions" if "prompt" in request else "chat"
        conversation = read_conversation(shape, request)
        if conversation.turns:
            return conversation
    for name in _ASKED:
        if name in given:
            told = {"prompt": "a text", "turns": "a list of texts", "messages": "a list of messages"}
            raise BadOutcomes(f"{name!r} must be {told.get(name, 'a request body with messages')}")
    raise BadOutcomes(f"needs one of 'prompt', 'turns', 'messages' and 'request'{_hint(given, _ASKED)}")


def _outcome(given: Mapping[str, Any], model: str) -> float:
    correct, scores = given.get(f"{model}_correct"), given.get(f"{model}_scores")
    if correct is not None:
        value = _number(correct)
        if value is None:
            raise BadOutcomes(f"'{model}_correct' must be true, false or a number")
        return value
    if scores is not None:
        values = [_number(score) for score in scores.values()] if isinstance(scores, Mapping) else []
        known = [value for value in values if value is not None]
        if not known or len(known) < len(values):
            raise BadOutcomes(f"'{model}_scores' must be an object of numbers, one for each turn")
        return sum(known) / len(known)
    names = (f"{model}_correct", f"{model}_scores")
    raise BadOutcomes(f"needs {names[0]!r} or {names[1]!r}{_hint(given, names)}")


def _cost(given: Mapping[str, Any], name: str) -> float | None:
    if given.get(name) is None:
        return None
    value = _number(given[name])
    if value is None or value < 0 or isinstance(given[name], bool):
        raise BadOutcomes(f"{name!r} must be dollars, 0 or more")
    return value


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, (bool, int, float)) and isfinite(value) else None


def _hint(given: Mapping[str, Any], names: tuple[str, ...]) -> str:
    """The key that was probably meant by one that is there."""
    for wrong in given:
        if wrong not in _KEYS and (near := difflib.get_close_matches(wrong.lower(), names, n=1, cutoff=0.7)):
            return f" (there is {wrong[:40]!r}; did you mean {near[0]!r}?)"
    return ""
