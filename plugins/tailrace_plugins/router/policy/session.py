"""Sticky sessions: where a session stands, and whether the next request moves it.

Routing each request by itself fights the provider's prefix cache, so a session keeps its model. It moves up at once,
since a poor answer costs more than a prefix; it moves down only when that pays (`economy`), weighed over as many turns
as the easy run has lasted, and never below a tier that it was lifted to because the one before had failed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from tailrace.prices import Price
from tailrace_plugins.router.policy.economy import expected_turns, switching_pays
from tailrace_plugins.router.policy.guards import Choice
from tailrace_plugins.router.policy.tiers import TIERS, Tier

Reason = Literal[
    "first-turn", "held", "harder", "cheaper-after-rewrite", "failing", "ability", "forced", "by-itself", "no-target"
]
"""Why a request goes where it goes: a closed set, fit for labels and headers.

`first-turn` (the session is new), `held` (it stays), `harder` (the request needs more than the tier it stood at),
`cheaper-after-rewrite` (an easier tier pays for writing the prefix anew), `failing` (signs of failure), `ability` (the
tier's model cannot serve it), `forced` (the client named the tier), `by-itself` (sessions are not sticky), `no-target`
(no tier's model can serve it: it stays with its default).
"""

_PACE_WEIGHT: Final = 0.3
"""Of the newest gap in the moving average of a session's pace."""
_MOST_VISITS: Final = 5
"""As many as there are tiers."""


@dataclass(frozen=True, slots=True)
class Visit:
    """A model that the session has left: what its cache held then, and when it was last asked."""

    model: str
    prefix_tokens: int
    last_at: float


@dataclass(frozen=True, slots=True)
class SessionState:
    """Where a session stands after a request; what the next `decide` is given."""

    tier: Tier
    model: str
    turns: int
    """Requests so far."""
    last_at: float
    """When the last one was sent, in seconds of any clock that does not jump."""
    prefix_tokens: int
    """What the model's cache may hold: the last request's input and output, estimated."""
    easier_for: int = 0
    """Requests in a row that would have been content with an easier tier."""
    floor: Tier | None = None
    """The session was lifted to this tier because the one below failed."""
    answered: int | None = None
    """The `signs.mark_of` the conversation when signs of failure were last dealt with."""
    pace_s: float = 0.0
    """Seconds between requests, a moving average; 0 before the second."""
    visits: tuple[Visit, ...] = ()
    """Models that the session has left, the latest last."""


@dataclass(frozen=True, slots=True)
class Rules:
    """How sessions are held. `cache_ttl_s`: how long providers keep a prefix after its last use."""

    sticky: bool = True
    cache_ttl_s: float = 300.0


@dataclass(frozen=True, slots=True)
class Economy:
    """What a decision about money needs: this request's estimated tokens, and prices by model name."""

    input_tokens: int
    output_tokens: int
    price_of: Callable[[str], Price | None]


@dataclass(frozen=True, slots=True)
class Decision:
    """Where a request goes. `model` None: it stays with its default (reason `no-target`).

    `words` say it to people; `escalated` whether signs of failure lifted it; `state` is to be kept for the session.
    """

    tier: Tier
    model: str | None
    reason: Reason
    words: str
    escalated: bool
    state: SessionState | None


def decide(
    state: SessionState | None,
    wanted: Tier,
    signs: Sequence[str],
    can: Callable[[Tier], Choice],
    economy: Economy,
    now: float,
    rules: Rules,
    *,
    forced: Tier | None = None,
    mark: int | None = None,
) -> Decision:
    """Where the next request of a session goes.

    `wanted` is the tier of the request by itself, `signs` those since `state.answered` (`signs_of_failure`), `can` the
    guards over the configured tiers (`guards.pick`), `mark` the `mark_of` this conversation. In this order:

    1. A forced tier wins and becomes the session's.
    2. A new session, or none to stick to: the wanted tier.
    3. Signs of failure: up to the next tier with another model (or to the wanted one, if that is higher). The session
       does not come down below it again, and the same evidence never counts twice.
    4. A harder request: up to its tier.
    5. An easier one: down where moving pays or costs nothing because the same model serves both tiers.
    6. Otherwise it stays. A model that cannot serve is passed over, whatever was decided.
    """
    move = _Move(state, can, economy, now, rules)
    own = wanted
    if state is not None:
        # Not below the floor, and not down at all while it fails.
        wanted = max(wanted, state.tier if signs else state.floor or wanted)
    if forced is not None:
        floor = state.floor if state is not None and state.floor is not None and state.floor <= forced else None
        made = move.to(forced, "forced", "the client named the tier", floor=floor)
    elif not rules.sticky:
        made = move.to(own, "by-itself", "sessions are not sticky")
    elif state is None:
        made = move.to(wanted, "first-turn", "the session is new")
    elif signs and (up := move.above(state, wanted)) is not None:
        told = f"signs of failure ({', '.join(signs)}): {up.target} instead of {state.model}"
        made = move.with_choice(up, up.tier, "failing", told, floor=up.tier)
    elif wanted > state.tier:
        made = move.to(wanted, "harder", f"needs {wanted}, the session stood at {state.tier}", floor=state.floor)
    elif wanted < state.tier:
        made = move.down(state, wanted)
    else:
        made = move.to(state.tier, "held", f"the session stands at {state.tier}", floor=state.floor)
    if signs and made.state is not None:
        made = replace(made, state=replace(made.state, answered=mark))
    return made


@dataclass(frozen=True, slots=True)
class _Move:
    before: SessionState | None
    can: Callable[[Tier], Choice]
    economy: Economy
    now: float
    rules: Rules

    def to(self, tier: Tier, reason: Reason, words: str, floor: Tier | None = None, easier_for: int = 0) -> Decision:
        """To a tier, as far as its model can serve."""
        return self.with_choice(self.can(tier), tier, reason, words, floor, easier_for)

    def with_choice(
        self, choice: Choice, tier: Tier, reason: Reason, words: str, floor: Tier | None = None, easier_for: int = 0
    ) -> Decision:
        before = self.before
        turns = 1 if before is None else before.turns + 1
        if choice.target is None:
            # Its model's cache is not used by this request; the session stays where it was.
            kept = None if before is None else replace(before, turns=turns)
            return Decision(tier, None, "no-target", choice.words, False, kept)
        stays = before is not None and before.model == choice.target
        if choice.tier is not tier and not stays:
            reason = "ability"
        elif stays and reason == "harder":
            reason, words = "held", f"the same model serves {choice.tier}"
        state = SessionState(
            tier=choice.tier,
            model=choice.target,
            turns=turns,
            last_at=self.now,
            prefix_tokens=max(0, self.economy.input_tokens) + max(0, self.economy.output_tokens),
            easier_for=easier_for,
            floor=floor,
            answered=None if before is None else before.answered,
            pace_s=self.pace_s(),
            visits=() if before is None else _left(before, choice.target),
        )
        told = "; ".join(part for part in (words, choice.words) if part)
        return Decision(choice.tier, choice.target, reason, told, reason == "failing", state)

    def pace_s(self) -> float:
        """Seconds between the session's requests, this one included."""
        before = self.before
        if before is None:
            return 0.0
        gap_s = max(0.0, self.now - before.last_at)
        return gap_s if before.turns < 2 else before.pace_s + _PACE_WEIGHT * (gap_s - before.pace_s)

    def above(self, state: SessionState, wanted: Tier) -> Choice | None:
        """The next place up with another model: more of the same would fail the same. None at the top."""
        for tier in TIERS:
            if tier > state.tier and tier >= wanted:
                choice = self.can(tier)
                if choice.target not in (None, state.model) and choice.tier > state.tier:
                    return choice
        return None

    def down(self, state: SessionState, wanted: Tier) -> Decision:
        """To an easier tier, if that pays."""
        choice = self.can(wanted)
        if choice.target == state.model and choice.tier <= state.tier:
            words = f"the same model serves {choice.tier}"
            return self.with_choice(choice, choice.tier, "held", words, state.floor)
        easier_for = state.easier_for + 1
        stay = f"the session stands at {state.tier}"
        if choice.target is None or choice.tier >= state.tier:
            return self.to(state.tier, "held", stay, state.floor, easier_for)
        economy = self.economy
        prefix = max(0, min(state.prefix_tokens, economy.input_tokens))
        ttl_s, turns = self.rules.cache_ttl_s, expected_turns(easier_for)
        known = (one for one in state.visits if one.model == choice.target and self.now - one.last_at < ttl_s)
        verdict = switching_pays(
            economy.price_of(state.model),
            economy.price_of(choice.target),
            prefix,
            economy.input_tokens - prefix,
            economy.output_tokens,
            turns,
            self.now - state.last_at < ttl_s,
            known_there=min((one.prefix_tokens for one in known), default=0),
            # The next hard request brings it back up: dear if the model, last asked the turn before, has forgotten the
            # prefix by then.
            way_back=1.0 if (turns + 1) * self.pace_s() >= ttl_s else 0.0,
        )
        if not verdict.pays:
            words = f"{stay}, leaving it for {choice.tier} does not pay: {verdict.words}"
            return self.to(state.tier, "held", words, state.floor, easier_for)
        words = f"{choice.target} is cheaper, its prefix written anew: {verdict.words}"
        return self.with_choice(choice, choice.tier, "cheaper-after-rewrite", words, state.floor)


def _left(before: SessionState, target: str) -> tuple[Visit, ...]:
    """The models left behind once the session stands at `target`."""
    others = tuple(one for one in before.visits if one.model not in (target, before.model))
    if before.model != target:
        others += (Visit(before.model, before.prefix_tokens, before.last_at),)
    return others[-_MOST_VISITS:]
