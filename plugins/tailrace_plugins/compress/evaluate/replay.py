"""Recorded conversations, turn by turn, through the plugin as the proxy runs it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from re import compile as pattern
from typing import Any, Final

from tailrace.chain import AnyPlugin
from tailrace.clock import SystemClock
from tailrace.exchange import Exchange, Reply
from tailrace.testing import FakeUpstream, exchange, run, whole
from tailrace.wire import jsonio
from tailrace.wire.usage import Usage
from tailrace_plugins.compress.evaluate.edits import Changes, Comparison, Edit, Redo
from tailrace_plugins.compress.evaluate.facts import Facts, Kept, stands
from tailrace_plugins.compress.evaluate.provider import Count, Provider, Rules
from tailrace_plugins.compress.evaluate.texts import content
from tailrace_plugins.compress.evaluate.trajectories import Message, Trajectory
from tailrace_plugins.compress.hidden.offer import names_of
from tailrace_plugins.compress.recall import MOST_ROUNDS, RECALL

_TOOL_ROLES: Final = ("tool", "function")
_LEFT_OUT: Final = pattern(r"left out: lines ([0-9]+)-([0-9]+) of (k[0-9a-f]+)\]")
_BROUGHT: Final = r"\[lines [0-9]+-([0-9]+) of %s\]"
_MOST_ASKED: Final = 3
"""What a model asks for at once."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request: its input as it was given and as it was sent, the plugin's own time and what it said it did."""

    before: Usage
    after: Usage
    own_ms: float
    action: str
    label: str
    refused: Counter[str] = field(default_factory=Counter)
    """Why it left texts as they were, by reason."""
    tools: tuple[int, int] = (0, 0)
    """Tokens of the tool definitions as they came and as they were sent; zeros where they were not changed."""
    rounds: int = 0
    """How often the model had to ask the proxy for what was left out; `after` has all of it."""


@dataclass(slots=True)
class Replayed:
    """One conversation. `edits`: each text that was ever sent instead of another, once."""

    id: str
    requests: list[Request] = field(default_factory=list)
    edits: list[Edit] = field(default_factory=list)
    kept: Kept = field(default_factory=Kept)
    strange: int = 0
    """Requests in which something else was changed than a tool's result."""
    again: int = 0
    """Messages that were sent otherwise than in the turn before, but where a summary came in."""
    folds: int = 0
    """The most messages that a summary stood for."""


async def replay(
    trajectory: Trajectory, plugin: AnyPlugin, model: str, rules: Rules, count: Count, redo: Redo
) -> Replayed:
    """Ask for each answer of a conversation in turn, in a session of its own, and bill it twice: as it was asked for,
    and as the plugin sent it on. Raises what the plugin raised.
    """
    clock = SystemClock()
    plain, compressed, comparison, facts = (
        Provider(rules, count),
        Provider(rules, count),
        Comparison(redo, count),
        Facts(),
    )
    done = Replayed(trajectory.id)
    sent_before: list[Message] = []
    seen: set[tuple[int, tuple[int, ...], str]] = set()
    for position in trajectory.answers():
        given, answer = trajectory.messages[:position], trajectory.messages[position]
        payload: dict[str, Any] = {"model": model, "messages": list(given)}
        if trajectory.tools:
            payload["tools"] = list(trajectory.tools)
        before = plain.bill(payload)
        asked = exchange(payload, headers={"x-tailrace-session": trajectory.id}, clock=clock)
        asking = _Model(model, given, answer, compressed, comparison, facts)
        result = await run(plugin, asked, asking.answering, clock=clock)
        if result.error is not None:
            raise result.error
        sent, changes = asking.sent, asking.changes
        done.requests.append(
            Request(
                before,
                asking.billed,
                result.scope.self_s * 1_000,
                str(result.action),
                result.label,
                _counts(result.facts.get("refused")),
                (_number(result.facts.get("tools_before")), _number(result.facts.get("tools_after"))),
                asking.rounds,
            )
        )
        for edit in changes.edits:
            if (key := (edit.index, edit.path, edit.sent)) not in seen:
                seen.add(key)
                done.edits.append(edit)
        done.strange += changes.strange
        folds = done.folds
        done.folds = max(folds, len(changes.folded))
        if done.folds == folds:
            done.again += sum(old != new for old, new in zip(sent_before, sent, strict=False))
        done.kept += asking.kept
        sent_before = sent
    return done


class _Model:
    """Gives the recorded answer; where that uses what was left out and can be asked for, it asks first."""

    def __init__(
        self,
        name: str,
        given: Sequence[Message],
        answer: Message,
        provider: Provider,
        comparison: Comparison,
        facts: Facts,
    ) -> None:
        self.sent: list[Message] = []
        self.changes = Changes()
        self.kept = Kept()
        self.billed = Usage(0, 0)
        self.rounds = 0
        self._name = name
        self._given = given
        self._answer = answer
        self._provider = provider
        self._comparison = comparison
        self._facts = facts
        self._wanted = 0

    async def answering(self, upstream: FakeUpstream, asked: Exchange) -> Reply:
        """What the upstream does."""
        usage = self._provider.bill(asked.payload)
        # As the upstream says whom it asked: what was saved is told at that model's price.
        asked.trail.model = self._name
        self.billed = Usage(
            self.billed.input_tokens + usage.input_tokens,
            0,
            self.billed.cache_read_tokens + usage.cache_read_tokens,
            self.billed.cache_write_tokens + usage.cache_write_tokens,
        )
        self.sent = list(asked.payload["messages"])
        self.changes = changes = self._comparison.of(self._given, self.sent)
        results, texts = _results(self._given, self.sent, changes)
        self.kept = self._facts.check(self._answer, results, texts)
        if self.rounds < MOST_ROUNDS and (ids := self._to_ask(asked)):
            self.rounds += 1
            self._wanted = self._wanted or len(self.kept.lost)
            answer = {"role": "assistant", "content": None, "tool_calls": [_recalling(*one) for one in ids]}
        else:
            answer = dict(self._answer)
            self.kept = replace(self.kept, asked=max(0, self._wanted - len(self.kept.lost)))
        return await whole(_completion(self._name, answer, usage))(upstream, asked)

    def _to_ask(self, asked: Exchange) -> list[tuple[str, str]]:
        """What was left out and has a fact that is needed: the id and the lines that stand in the mark."""
        if RECALL.name not in names_of(asked.payload.get("tools") or ()):
            return []
        wholes = {edit.piece.id: edit.whole for edit in self.changes.edits if edit.whole}
        texts = [edit.sent for edit in self.changes.edits if edit.whole]
        if self.changes.folded:
            texts += self.changes.beside
        found: list[tuple[str, str]] = []
        for mark in (mark for text in texts for mark in _LEFT_OUT.finditer(text)):
            first, last, id_ = int(mark[1]), int(mark[2]), mark[3]
            # It reads on where the last answer ended.
            ends = [int(end) for text in self.changes.beside for end in pattern(_BROUGHT % id_).findall(text)]
            first = max([first, *(end + 1 for end in ends if first <= end <= last)])
            if first > last:
                continue
            if id_ in wholes:
                said = wholes[id_].split("\n")[first - 1 : last]
            else:
                said = [content(self._given[index]) for index in sorted(self.changes.folded)]
            if any(stands(fact, line) for fact in self.kept.lost for line in said):
                found.append((id_, f"{first}-{last}"))
        return found[:_MOST_ASKED]


def _recalling(id_: str, lines: str) -> Message:
    function = {"name": RECALL.name, "arguments": jsonio.dumps({"id": id_, "lines": lines}).decode()}
    return {"id": f"call_{id_}_{lines}", "type": "function", "function": function}


def _results(given: Sequence[Message], sent: Sequence[Message], changes: Changes) -> tuple[list[str], list[str]]:
    """The tools' results, and all texts that were sent of them; one that decodes equal says what the result says."""
    equal: dict[int, bool] = {}
    edits: dict[int, list[str]] = {}
    for edit in changes.edits:
        equal[edit.index] = equal.get(edit.index, True) and edit.equal
        edits.setdefault(edit.index, []).append(edit.sent)
    results: list[str] = []
    texts = list(changes.beside)
    for index, message in enumerate(given):
        if message["role"] not in _TOOL_ROLES:
            continue
        results.append(content(message))
        if changes.strange or index in changes.folded:
            continue
        texts += edits.get(index, ())
        if equal.get(index, True):
            texts.append(results[-1])
    if changes.strange:
        # Who moved where is not known: whatever a tool said in what was sent counts.
        texts = [content(message) for message in sent if message.get("role") in _TOOL_ROLES]
    return results, texts


def _counts(told: Any) -> Counter[str]:
    """`too-small:3,no-gain:1`, as the plugin notes it."""
    counts: Counter[str] = Counter()
    for one in told.split(",") if isinstance(told, str) else ():
        name, _, number = one.rpartition(":")
        if number.isdecimal():
            counts[name] += int(number)
    return counts


def _number(told: Any) -> int:
    return told if isinstance(told, int) else 0


def _completion(model: str, answer: Message, usage: Usage) -> Mapping[str, Any]:
    finish = "tool_calls" if answer.get("tool_calls") else "stop"
    return {
        "id": "chatcmpl-replayed",
        "object": "chat.completion",
        "created": 1,
        "model": model,
        "choices": [{"index": 0, "message": dict(answer), "finish_reason": finish}],
        "usage": {
            "prompt_tokens": usage.input_tokens,
            "completion_tokens": 1,
            "total_tokens": usage.input_tokens + 1,
            "prompt_tokens_details": {"cached_tokens": usage.cache_read_tokens},
        },
    }
