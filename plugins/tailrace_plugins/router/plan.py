"""From a request to the model it goes to: reads, judges, decides. No IO, nothing is sent from here."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from tailrace.config.references import ModelName
from tailrace.exchange import Exchange
from tailrace.models import AUTO, ModelFacts, Models
from tailrace.wire.conversation import Conversation, read_conversation
from tailrace_plugins.router.judge import Judged
from tailrace_plugins.router.ladder import Ladder, Rung
from tailrace_plugins.router.policy import session
from tailrace_plugins.router.policy.estimate import input_tokens, output_tokens
from tailrace_plugins.router.policy.guards import needs_of, pick
from tailrace_plugins.router.policy.savings import Saving, Side, saving
from tailrace_plugins.router.policy.session import Decision, Economy, Rules, SessionState
from tailrace_plugins.router.policy.signs import mark_of, signs_of_failure
from tailrace_plugins.router.policy.tiers import TIERS, Tier
from tailrace_plugins.router.settings import RouterSettings, TierTarget
from tailrace_plugins.router.speeds import Speeds


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to become of a request. `rung` None: no tier's model can serve it, it goes to the default."""

    conversation: Conversation
    judged: Judged
    decision: Decision
    rung: Rung | None
    cheap: tuple[Tier, Rung] | None
    """The lowest rung that can serve it: where a cascade begins."""
    default: ModelFacts
    default_tier: Tier | None
    """The lowest tier that the default is the model of."""
    saving: Saving
    signs: tuple[str, ...]
    session: str
    """The session's id; empty where sessions do not count."""
    before: SessionState | None
    """Where the session stood."""

    @property
    def why(self) -> str:
        """The decision in words, without a word of the request."""
        return f"{self.judged.tier}: {self.judged.score.reason}; {self.decision.words}"


class Planner:
    """Makes plans by the settings of one router."""

    def __init__(self, settings: RouterSettings, speeds: Speeds) -> None:
        self._settings = settings
        self._speeds = speeds
        self._rules = Rules(sticky=settings.sticky, cache_ttl_s=settings.cache_ttl_s)

    def default(self, exchange: Exchange, ladder: Ladder, models: Models) -> ModelFacts:
        """The model that is asked where nothing is chosen, and that savings are compared with."""
        asked = exchange.model
        if asked in models.routed:
            name = self._settings.default or models.routed[asked]
        elif asked == AUTO and not models.names:
            name = self._settings.default or ladder.rungs[Tier.COMPLEX].facts.name
        else:
            # Who names a model is compared with it, and gets it where nothing is chosen.
            name = asked
        return models.find(name, exchange.endpoint)

    def plan(
        self,
        exchange: Exchange,
        conversation: Conversation,
        judged: Judged,
        ladder: Ladder,
        default: ModelFacts,
        known: tuple[str, SessionState | None],
        now: float,
        forced: Tier | None = None,
    ) -> Plan:
        """Decide. `ladder` are the models to choose from; `known` is the session's id and where it stands."""
        name, state = known
        # Where another plugin rewrote it, the body is not encoded only to be measured: it is rewritten once more.
        size = len(exchange.raw) if exchange.raw is not None else 0
        needs = needs_of(conversation, size)
        sent, expected = input_tokens(conversation, size), output_tokens(conversation)
        signs = signs_of_failure(conversation, state.answered if state is not None else None)
        rungs = {rung.facts.name: rung for rung in ladder.rungs.values()}
        decision = session.decide(
            state,
            judged.tier,
            signs,
            lambda tier: pick(tier, ladder.abilities, needs),
            Economy(sent, expected, lambda name: rungs[name].facts.price if name in rungs else None),
            now,
            self._rules,
            forced=forced,
            mark=mark_of(conversation),
        )
        rung = ladder.rungs.get(decision.tier)
        if rung is None or rung.facts.name != decision.model:
            rung = rungs[decision.model] if decision.model is not None else None
        chosen = rung.facts if rung is not None else default
        estimate = saving(self._side(default), self._side(chosen), sent, expected)
        lowest = pick(Tier.TRIVIAL, ladder.abilities, needs)
        cheap = (lowest.tier, ladder.rungs[lowest.tier]) if lowest.target is not None else None
        of_default = [tier for tier in TIERS if tier in ladder.rungs and ladder.rungs[tier].facts.name == default.name]
        default_tier = of_default[0] if of_default else None
        return Plan(conversation, judged, decision, rung, cheap, default, default_tier, estimate, signs, name, state)

    def ladder_for(
        self,
        ladder: Ladder,
        default: ModelFacts,
        *,
        is_asked_for: bool = False,
        away: Collection[str] = (),
        held: str | None = None,
        at_provider: str | None = None,
    ) -> Ladder:
        """The ladder as it is for one request.

        Models that are `away` are left out while others are there; so are those of other providers than `at_provider`,
        where the conversation is kept by that one. A client that named a model (`is_asked_for`) gets that one or a
        cheaper one. With `prefer: speed` a tier's model is the fastest known at or above it that is not dearer than the
        default, or the one that the session is `held` at, while it is one of those.
        """
        rungs = dict(ladder.rungs)
        if away:
            here = {tier: rung for tier, rung in rungs.items() if rung.facts.name not in away}
            rungs = here or rungs
        if at_provider is not None:
            rungs = {tier: rung for tier, rung in rungs.items() if rung.facts.provider == at_provider}
        if is_asked_for:
            own = ladder.model(default.name) or Rung(TierTarget(model=ModelName(default.name)), default)
            if ladder.model(default.name) is None:
                # In no tier: what is hardest goes to it all the same, or nothing ever would.
                rungs[Tier.EXPERT] = own
            rungs = {
                tier: rungs[tier] if tier in rungs and _is_cheaper(rungs[tier].facts, default) else own
                for tier in TIERS
            }
        if self._settings.prefer == "speed":
            rungs = {tier: self._fastest(tier, rungs, default, held) for tier in rungs}
        return Ladder(rungs)

    def _fastest(self, tier: Tier, rungs: dict[Tier, Rung], default: ModelFacts, held: str | None) -> Rung:
        own = rungs[tier]
        best, best_rate = own, self._rate(own.facts)
        for other in (rungs[above] for above in TIERS if above >= tier and above in rungs):
            if other.facts.name == held and not _is_dearer(other.facts, default):
                # Two models of nearly equal speed must not take turns: each would have to read all of it.
                return other
            rate = self._rate(other.facts)
            if best_rate is not None and rate is not None and rate > best_rate and not _is_dearer(other.facts, default):
                best, best_rate = other, rate
        return best

    def _rate(self, facts: ModelFacts) -> float | None:
        return self._speeds.of(facts.provider, facts.model, facts.abilities).tokens_per_s

    def _side(self, facts: ModelFacts) -> Side:
        return Side(facts.price, self._speeds.of(facts.provider, facts.model, facts.abilities))


def is_unread(payload: Mapping[str, Any], conversation: Conversation) -> bool:
    """Whether what is asked is somewhere else than in the request, or in a form that nobody here reads: how hard it is
    cannot be told then. A stored conversation or prompt, references to stored items, token numbers, files alone.
    """
    if payload.get("conversation") or payload.get("previous_response_id") or isinstance(payload.get("prompt"), Mapping):
        return True
    items = payload.get("input")
    if isinstance(items, list) and any(isinstance(i, Mapping) and i.get("type") == "item_reference" for i in items):
        return True
    return not any(turn.text.strip() or turn.calls for turn in conversation.turns if turn.role != "system")


def read(exchange: Exchange) -> Conversation:
    """The conversation of a request."""
    shape = exchange.endpoint.shape
    return read_conversation(shape, exchange.payload) if shape is not None else Conversation(())


def _is_dearer(facts: ModelFacts, than: ModelFacts) -> bool:
    return facts.name != than.name and not _is_cheaper(facts, than)


def _is_cheaper(facts: ModelFacts, than: ModelFacts) -> bool:
    """Whether a model is known to cost less: of two numbers that always differ, the output price tells."""
    mine, other = facts.price, than.price
    return mine is not None and other is not None and mine.output < other.output and mine.input <= other.input
