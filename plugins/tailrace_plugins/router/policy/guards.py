"""Which models can serve a request at all, and which one does when its tier's cannot."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from tailrace.abilities import Abilities
from tailrace.wire.conversation import Conversation
from tailrace_plugins.router.policy.estimate import input_tokens
from tailrace_plugins.router.policy.tiers import Tier

Lack = Literal["", "vision", "tools", "json-schema", "context"]
"""What a model lacks for a request; "" for nothing."""

Ladder = Mapping[Tier, tuple[str, Abilities]]
"""The target of each tier that has one: the model's name, and what is known of it."""

_SAFETY: Final = 1.15
"""Code and JSON come to about 3.5 characters a token, not 4."""
_WANTED: Final = 1_024
"""Room left for an answer whose length the client did not limit."""
_ANY_WINDOW: Final = 4_096
"""Tokens that fit every chat model in use, whatever is known of it."""


@dataclass(frozen=True, slots=True)
class Needs:
    """What a request asks of a model. `output_tokens` is what it may write: the client's limit, or 1,024."""

    vision: bool = False
    tools: bool = False
    json_schema: bool = False
    input_tokens: int = 0
    output_tokens: int = _WANTED

    @property
    def context_tokens(self) -> int:
        """Estimated input and wanted output."""
        return self.input_tokens + self.output_tokens


@dataclass(frozen=True, slots=True)
class Choice:
    """Where a request goes. `target` None: no model of the ladder can serve it, so it stays with its default.

    `tier` is that of the rung chosen. `passed` names the models passed over, each with what it lacks or with
    `unknown`; `is_known` whether the chosen one is known to be able.
    """

    tier: Tier
    target: str | None
    passed: tuple[tuple[str, str], ...] = ()
    is_known: bool = True

    @property
    def words(self) -> str:
        """For people: what was passed over, "" for nothing."""
        told = ", ".join(f"{target} ({_WORDS[why]})" for target, why in self.passed)
        if self.target is None:
            return f"no tier's model can serve it: {told}" if told else "no tier has a model"
        unsure = "" if self.is_known else f"; {self.target} may be able, nothing is known against it"
        return f"passed over {told}{unsure}" if told else unsure.removeprefix("; ")


_WORDS: Final = {
    "vision": "reads no images",
    "tools": "calls no tools",
    "json-schema": "keeps to no JSON Schema",
    "context": "has too small a context",
    "unknown": "not known to be able",
}


def needs_of(conversation: Conversation, body_bytes: int) -> Needs:
    """What a request asks of a model. `body_bytes` is the size of its body (see `estimate.input_tokens`).

    A conversation with tool calls in it needs a model with tools even when the request offers none.
    """
    return Needs(
        vision=any(turn.images for turn in conversation.turns),
        tools=bool(conversation.tools) or conversation.forced_tool or any(turn.calls for turn in conversation.turns),
        json_schema=conversation.output == "json_schema",
        input_tokens=int(input_tokens(conversation, body_bytes) * _SAFETY),
        output_tokens=_WANTED if conversation.max_tokens is None else conversation.max_tokens,
    )


def why_not(needs: Needs, abilities: Abilities) -> Lack:
    """What is known to keep a model from serving: "" where nothing is, which is no proof that it can (`is_able`)."""
    if needs.vision and abilities.vision is False:
        return "vision"
    if needs.tools and abilities.tools is False:
        return "tools"
    if needs.json_schema and abilities.json_schema is False:
        return "json-schema"
    if abilities.context_tokens is not None and _tokens(needs, abilities) > abilities.context_tokens:
        return "context"
    return ""


def is_able(needs: Needs, abilities: Abilities) -> bool:
    """Whether a model is known to be able to serve. Up to 4,096 tokens need no known context."""
    if why_not(needs, abilities):
        return False
    known = (
        abilities.vision is True or not needs.vision,
        abilities.tools is True or not needs.tools,
        abilities.json_schema is True or not needs.json_schema,
        abilities.context_tokens is not None or _tokens(needs, abilities) <= _ANY_WINDOW,
    )
    return all(known)


def pick(tier: Tier, ladder: Ladder, needs: Needs) -> Choice:
    """The model for a tier.

    1. The first at or above the tier that is known to be able;
    2. else the first at or above it that is not known to be unable;
    3. else, going down, the nearest below by the same two rules;
    4. else none.
    """
    up = sorted(rung for rung in ladder if rung >= tier)
    down = sorted((rung for rung in ladder if rung < tier), reverse=True)
    passed: dict[str, str] = {}
    for rungs in (up, down):
        unknown: Choice | None = None
        for rung in rungs:
            target, abilities = ladder[rung]
            if is_able(needs, abilities):
                return Choice(rung, target, tuple(passed.items()))
            why = why_not(needs, abilities)
            if not why and unknown is None:
                unknown = Choice(rung, target, tuple(passed.items()), is_known=False)
            passed.setdefault(target, why or "unknown")
        if unknown is not None:
            return unknown
    return Choice(tier, None, tuple(passed.items()))


def _tokens(needs: Needs, abilities: Abilities) -> int:
    # The request's limit is lowered to what the model can write before it is sent there.
    most = abilities.max_output_tokens
    return needs.input_tokens + (needs.output_tokens if most is None else min(needs.output_tokens, most))
