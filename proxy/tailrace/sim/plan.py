"""What the simulated model answers: tool calls round by round, then a text. A pure function of the Ask."""

from __future__ import annotations

from dataclasses import dataclass

import orjson

from .ask import Ask, Tool
from .dice import Dice
from .schema import instance
from .tokens import count, pieces
from .words import answer, excerpt, filler

_MOST_PARALLEL = 128


@dataclass(frozen=True, slots=True)
class Call:
    """One tool call; `arguments` is JSON text."""

    id: str
    name: str
    arguments: str

    @property
    def tokens(self) -> int:
        """Tokens the call counts as output."""
        return count(self.name) + count(self.arguments) + 4


@dataclass(frozen=True, slots=True)
class Choice:
    """One answer: its text in tokens, or its calls; `finish` in OpenAI's words; the stop sequence that ended it."""

    pieces: tuple[str, ...] = ()
    calls: tuple[Call, ...] = ()
    finish: str = "stop"
    reasoning: tuple[str, ...] = ()
    refusal: bool = False
    stopped_by: str | None = None

    @property
    def text(self) -> str:
        """The text in one piece."""
        return "".join(self.pieces)

    @property
    def tokens(self) -> int:
        """Tokens of output, reasoning included."""
        return len(self.pieces) + len(self.reasoning) + sum(call.tokens for call in self.calls)


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one request; `written_*` only where the dialect bills cache writes."""

    prompt: int
    cached: int
    completion: int
    reasoning: int = 0
    written_5m: int = 0
    written_1h: int = 0


def plan(ask: Ask, rounds: int) -> tuple[Choice, ...]:
    """Return the `n` choices of an answer; `rounds` is the default number of rounds of tool calls.

    With tools and `tool_choice` auto, tools are called in the order given, one round after the other, until
    `rounds` rounds have been answered since the user last spoke. `required` and a named tool are always called.
    Tool calls are never cut by `max_tokens`; text is.
    """
    if _calls_due(ask, rounds):
        calls = _calls(ask)
        # OpenAI finishes a call it was forced into by name with "stop", any other with "tool_calls".
        finish = "stop" if ask.forced else "tool_calls"
        return tuple(Choice(calls=calls, finish=finish) for _ in range(ask.n))
    return tuple(_text(ask, index) for index in range(ask.n))


def _calls_due(ask: Ask, rounds: int) -> bool:
    if not ask.tools or ask.choice == "none":
        return False
    if ask.forced or ask.choice == "required":
        return True
    wanted = ask.directives.rounds
    return ask.rounds_done < (rounds if wanted is None else wanted)


def _calls(ask: Ask) -> tuple[Call, ...]:
    only = ask.forced or ask.directives.tool
    tools = [tool for tool in ask.tools if tool.name == only] or list(ask.tools)
    parallel = min(max(ask.directives.parallel or 1, 1), _MOST_PARALLEL) if ask.parallel and not ask.forced else 1
    first = ask.rounds_done * parallel
    return tuple(_call(ask, tools[(first + at) % len(tools)], at) for at in range(parallel))


def _call(ask: Ask, tool: Tool, at: int) -> Call:
    dice = Dice(ask.seed + at)
    made = instance(tool.schema, dice, topic=excerpt(ask.question)) if tool.schema else {}
    return Call(f"call_sim_{dice.roll():016x}", tool.name, orjson.dumps(made).decode())


def _text(ask: Ask, index: int) -> Choice:
    wants, seed = ask.directives, ask.seed + index
    if wants.refusal is not None:
        return Choice(pieces=tuple(pieces(wants.refusal)), refusal=True)
    if wants.text is not None:
        said = tuple(pieces(wants.text))
    elif ask.schema is not None:
        said = tuple(pieces(_json(ask, seed)))
    else:
        said = answer(seed, ask.question, ask.results, wants.tokens)
    reasoning = filler(seed + 1, wants.reasoning) if wants.reasoning else ()
    return _cut(said, reasoning, ask.stop, ask.max_tokens, wants.finish or "stop")


def _json(ask: Ask, seed: int) -> str:
    if ask.schema:
        made = instance(ask.schema, Dice(seed), minimal=True, topic=excerpt(ask.question))
    else:
        made = {"answer": "".join(answer(seed, ask.question, ask.results, 24)), "simulated": True}
    return orjson.dumps(made).decode()


def _cut(
    said: tuple[str, ...], reasoning: tuple[str, ...], stop: tuple[str, ...], limit: int | None, finish: str
) -> Choice:
    """Apply the stop sequences, then the limit, which counts reasoning too, as providers do."""
    stopped_by = None
    if stop:
        text = "".join(said)
        found = min(((text.find(one), one) for one in stop if one in text), default=None)
        if found is not None:
            said, stopped_by = tuple(pieces(text[: found[0]])), found[1]
    if limit is not None and len(reasoning) + len(said) > limit:
        reasoning = reasoning[:limit]
        return Choice(said[: limit - len(reasoning)], finish="length", reasoning=reasoning)
    return Choice(said, finish=finish, reasoning=reasoning, stopped_by=stopped_by)
