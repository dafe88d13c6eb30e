"""Recorded conversations, turn by turn, through the plugin as the proxy runs it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from tailrace.chain import AnyPlugin
from tailrace.clock import SystemClock
from tailrace.exchange import Exchange, Reply
from tailrace.testing import FakeUpstream, exchange, run, whole
from tailrace.wire.usage import Usage
from tailrace_plugins.compress.evaluate.edits import Changes, Comparison, Edit, Redo
from tailrace_plugins.compress.evaluate.facts import Facts, Kept
from tailrace_plugins.compress.evaluate.provider import Count, Provider, Rules
from tailrace_plugins.compress.evaluate.texts import content
from tailrace_plugins.compress.evaluate.trajectories import Message, Trajectory

_TOOL_ROLES: Final = ("tool", "function")


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
    """Messages that were sent otherwise than in the turn before."""


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
        after: list[Usage] = []

        async def answering(
            upstream: FakeUpstream, asked: Exchange, answer: Message = answer, after: list[Usage] = after
        ) -> Reply:
            after.append(compressed.bill(asked.payload))
            return await whole(_completion(model, answer, after[-1]))(upstream, asked)

        asked = exchange(payload, headers={"x-tailrace-session": trajectory.id}, clock=clock)
        result = await run(plugin, asked, answering, clock=clock)
        if result.error is not None:
            raise result.error
        sent = list(result.upstream.got[-1].payload["messages"])
        changes = comparison.of(given, sent)
        done.requests.append(
            Request(
                before,
                after[-1],
                result.scope.self_s * 1_000,
                str(result.action),
                result.label,
                _counts(result.facts.get("refused")),
            )
        )
        for edit in changes.edits:
            if (key := (edit.index, edit.path, edit.sent)) not in seen:
                seen.add(key)
                done.edits.append(edit)
        done.strange += changes.strange
        done.again += sum(old != new for old, new in zip(sent_before, sent, strict=False))
        done.kept += facts.check(answer, *_results(given, sent, changes))
        sent_before = sent
    return done


def _results(
    given: Sequence[Message], sent: Sequence[Message], changes: Changes
) -> tuple[list[str], list[tuple[str, ...]]]:
    """The tools' results, and what was sent of each: a text that decodes to the same data says what that says."""
    equal: dict[int, bool] = {}
    for edit in changes.edits:
        equal[edit.index] = equal.get(edit.index, True) and edit.equal
    results: list[str] = []
    texts: list[tuple[str, ...]] = []
    for index, message in enumerate(given):
        if message["role"] in _TOOL_ROLES:
            results.append(content(message))
            if changes.strange:
                continue
            said = content(sent[index])
            texts.append((said, results[-1]) if equal.get(index, False) else (said,))
    if changes.strange:
        # Who moved where is not known: whatever a tool said in what was sent counts.
        texts = [(content(message),) for message in sent if message.get("role") in _TOOL_ROLES]
    return results, texts


def _counts(told: Any) -> Counter[str]:
    """`too-small:3,no-gain:1`, as the plugin notes it."""
    counts: Counter[str] = Counter()
    for one in told.split(",") if isinstance(told, str) else ():
        name, _, number = one.rpartition(":")
        if number.isdecimal():
            counts[name] += int(number)
    return counts


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
