"""The `router` plugin: start reading here."""

import asyncio
import logging
from dataclasses import replace
from functools import partial
from typing import ClassVar, Final

from tailrace.config.problems import nearest
from tailrace.config.references import ModelName
from tailrace.embed import EmbedderUnavailable
from tailrace.errors import BadRequest, TailraceError
from tailrace.exchange import Exchange, Outcome, Reply
from tailrace.models import AUTO, ModelFacts
from tailrace.plugin import CallNext, Plugin, PluginSettings, Services
from tailrace.savings import Ledger
from tailrace.wire.conversation import Conversation
from tailrace.wire.endpoints import Endpoint, EndpointKind
from tailrace.wire.session import derive_session
from tailrace_plugins.router.cascade.run import Cascade
from tailrace_plugins.router.cascade.unfit import unfit
from tailrace_plugins.router.fit import fit
from tailrace_plugins.router.judge import EMBEDDING_MODEL, Judge
from tailrace_plugins.router.ladder import Ladder, Rung, build
from tailrace_plugins.router.ledger import saved
from tailrace_plugins.router.plan import Plan, Planner, is_unread, read
from tailrace_plugins.router.policy.session import SessionState
from tailrace_plugins.router.policy.tiers import TIERS, Tier
from tailrace_plugins.router.second import is_about_parameters, is_not_there, may_ask_again
from tailrace_plugins.router.settings import RouterSettings, TierTarget
from tailrace_plugins.router.speeds import Speeds

_log = logging.getLogger("tailrace.router")

TIER_HEADER: Final = "x-tailrace-tier"

_AWAY_S: Final = 60.0
_MOST_AWAY: Final = 1_000


class RouterPlugin(Plugin[RouterSettings]):
    """Sends a request that asks for a routed model to the cheapest one that will answer it well.

    Label: `routed(MODEL)`. Stands aside with `not-routed` (the request names a model of its own), `no-tiers` (nothing
    is configured to choose from), `no-target` (no tier's model can serve it), `unread` (what is asked is kept at the
    provider, or in no form that is read here), `counts-only` (tokens are counted) or `undecided` (a defect of the
    router's); where it was to be routed the default is asked then. Facts: `score` (the probability that the cheap model
    suffices), `scored_by`, `why`, `signs` (of failure), `route.tier`, `route.model`, `route.reason`, `default`,
    `estimated_usd` and `estimated_s` (the saving as estimated before), `route.saved_usd` and `route.saved_s` (as billed
    and measured), `refused_by` where the chosen model failed; of a cascade `accepted`, `confidence`, `doubts`, `held_s`
    and `dropped_usd`.
    """

    name: ClassVar[str] = "router"
    Settings: ClassVar[type[PluginSettings]] = RouterSettings
    endpoints: ClassVar[frozenset[EndpointKind]] = frozenset(
        {
            EndpointKind.CHAT,
            EndpointKind.COMPLETIONS,
            EndpointKind.RESPONSES,
            EndpointKind.MESSAGES,
            EndpointKind.COUNT_TOKENS,
        }
    )
    chooses_model: ClassVar[bool] = True
    after: ClassVar[frozenset[str]] = frozenset({"limits", "defaults", "stream", "exact_cache", "semantic_cache"})

    def __init__(self, settings: RouterSettings, services: Services) -> None:
        super().__init__(settings, services)
        self._speeds = Speeds()
        self._judge = Judge(settings)
        self._planner = Planner(settings, self._speeds)
        self._ladders: dict[EndpointKind, Ladder] = {}
        self._sessions = services.sessions.slot(self.name, SessionState)
        self._ledger = Ledger()
        self._cascade = Cascade(settings.cascade, services) if settings.cascade.enabled else None
        self._away: dict[tuple[str, EndpointKind, str], float] = {}
        """Models that a tenant's provider does not know, by tenant, endpoint and model, and until when they are left
        out. By tenant, since the key that was sent may have been the client's."""

    async def start(self) -> None:
        """Load the embedding model where the router asks for vectors itself."""
        if self.settings.embed == "always" and self.settings.mode == "learned":
            self.services.embedder.start()

    async def handle(self, exchange: Exchange, call_next: CallNext) -> Reply:
        """Choose a model for the request, and send it there."""
        forced = _forced(exchange)
        ladder = self._ladder(exchange.endpoint)
        if forced is None and not self._acts_on(exchange.model, ladder):
            exchange.stood_aside("not-routed")
            return await call_next(exchange)
        if not ladder.rungs:
            exchange.stood_aside("no-tiers")
            return await call_next(exchange)
        default = self._planner.default(exchange, ladder, self.services.models)
        if exchange.endpoint.kind is EndpointKind.COUNT_TOKENS:
            exchange.stood_aside("counts-only")
            return await call_next(exchange.rewrite({"model": default.name}))
        session = _session(exchange) if self.settings.sticky else ""
        state = self._sessions.get(session) if session else None
        plan: Plan | None = None
        try:
            conversation = read(exchange)
            if forced is not None or state is not None or not is_unread(exchange.payload, conversation):
                plan = await self._plan(exchange, conversation, ladder, default, (session, state), forced)
        except Exception as error:  # noqa: BLE001 - what cannot be judged is answered by the default all the same
            _log.warning("the router could not decide: %s", type(error).__name__)
            exchange.stood_aside("undecided")
            return await call_next(_to(exchange, default))
        if plan is None:
            exchange.stood_aside("unread")
            return await call_next(_to(exchange, default))
        self._tell(exchange, plan)
        if plan.rung is None:
            exchange.stood_aside("no-target")
            return await call_next(_to(exchange, default))
        exchange.acted(f"routed({plan.rung.facts.name})")
        reply, tier = await self._send(exchange, plan, plan.rung, call_next)
        exchange.note("route.tier", tier.value)
        return reply.with_headers({TIER_HEADER: tier.value})

    def _ladder(self, endpoint: Endpoint) -> Ladder:
        """The tiers' models for an endpoint; the same for as long as the configuration is."""
        found = self._ladders.get(endpoint.kind)
        if found is None:
            found = self._ladders[endpoint.kind] = build(self.settings, self.services.models, endpoint)
        return found

    def _acts_on(self, model: str, ladder: Ladder) -> bool:
        return self._is_routed(model) or (
            self.settings.act_on == "listed"
            and (model in self.services.models.names or ladder.model(model) is not None)
        )

    def _is_routed(self, model: str) -> bool:
        models = self.services.models
        return model in models.routed or (model == AUTO and not models.names)

    async def _plan(
        self,
        exchange: Exchange,
        conversation: Conversation,
        ladder: Ladder,
        default: ModelFacts,
        known: tuple[str, SessionState | None],
        forced: Tier | None,
    ) -> Plan:
        features = self._judge.features(conversation)
        vector = await self._vector(exchange, features.question)
        judged = self._judge.judge(features, vector)
        now = self.services.clock.monotonic()
        state = known[1]
        stands = ladder.model(state.model) if state is not None else None
        is_kept_there = exchange.payload.get("previous_response_id") or exchange.payload.get("conversation")
        usable = self._planner.ladder_for(
            ladder,
            default,
            is_asked_for=forced is None and not self._is_routed(exchange.model),
            away=self._away_for(exchange, now),
            held=state.model if state is not None else None,
            at_provider=stands.facts.provider if stands is not None and is_kept_there else None,
        )
        plan = self._planner.plan(exchange, conversation, judged, usable, default, known, now, forced)
        if plan.session and plan.decision.state is not None:
            # At once: the session's next request may come before this one's answer has ended.
            self._sessions.put(plan.session, plan.decision.state)
        return plan

    async def _vector(self, exchange: Exchange, question: str) -> bytes | None:
        """The question's vector: the semantic cache's, or the router's own where the settings want one."""
        embedder = self.services.embedder
        if self.settings.mode != "learned" or embedder.model != EMBEDDING_MODEL:
            return None
        vector = exchange.vector_of(question)
        if vector is not None or self.settings.embed != "always" or embedder.state != "ready":
            return vector
        try:
            async with asyncio.timeout(self.settings.deadline_s / 2):
                return await embedder.embed(question)
        except (EmbedderUnavailable, TimeoutError):
            return None

    def _tell(self, exchange: Exchange, plan: Plan) -> None:
        score, decision = plan.judged.score, plan.decision
        note = exchange.note
        note("score", round(score.p, 4))
        note("scored_by", score.mode)
        note("why", plan.why)
        note("route.tier", decision.tier.value)
        note("route.model", decision.model or plan.default.name)
        note("route.reason", decision.reason)
        note("default", plan.default.name)
        if plan.signs:
            note("signs", ",".join(plan.signs))
        if plan.saving.usd is not None:
            note("estimated_usd", round(plan.saving.usd, 8))
        if plan.saving.seconds is not None:
            note("estimated_s", round(plan.saving.seconds, 3))

    def _away_for(self, exchange: Exchange, now: float) -> frozenset[str]:
        """The models that this tenant's provider did not know a moment ago."""
        if not self._away:
            return frozenset()
        self._away = {key: until for key, until in self._away.items() if until > now}
        tenant, kind = exchange.tenant, exchange.endpoint.kind
        return frozenset(model for whose, where, model in self._away if (whose, where) == (tenant, kind))

    async def _send(self, exchange: Exchange, plan: Plan, rung: Rung, call_next: CallNext) -> tuple[Reply, Tier]:
        """Ask the chosen model; where it refuses what the router made of the request, or fails, what the client would
        have got without the router. With the tier that the answer is of.
        """
        exchange.on_end(partial(self._ended, exchange, plan))
        fitted = _to(exchange, rung.facts, rung.target)
        is_default = (rung.facts.provider, rung.facts.model) == (plan.default.provider, plan.default.model)
        try:
            if self._cascade is not None and plan.cheap is not None and _may_cascade(exchange, plan, rung):
                return await self._cascaded(exchange, plan, rung, plan.cheap, self._cascade, call_next)
            return await call_next(fitted), plan.decision.tier
        except TailraceError as error:
            own = exchange.rewrite({"model": plan.default.name})
            is_changed = dict(fitted.payload) != {**own.payload, "model": fitted.model}
            is_fault_of_ours = not is_default or (is_changed and is_about_parameters(error))
            if not is_fault_of_ours or not may_ask_again(exchange, error):
                raise
            if is_not_there(error) and len(self._away) < _MOST_AWAY:
                key = (exchange.tenant, exchange.endpoint.kind, rung.facts.name)
                self._away[key] = self.services.clock.monotonic() + _AWAY_S
            exchange.note("refused_by", rung.facts.name)
            exchange.note("route.model", plan.default.name)
            exchange.acted(f"routed({plan.default.name})")
            tier = plan.default_tier or plan.decision.tier
            # A model that refuses the parameters of one request refuses those of the next.
            self._stands_at(plan, plan.default.name, tier, floor=tier if is_about_parameters(error) else None)
            return await call_next(own if is_default else _to(exchange, plan.default)), tier

    async def _cascaded(
        self,
        exchange: Exchange,
        plan: Plan,
        rung: Rung,
        lowest: tuple[Tier, Rung],
        cascade: Cascade,
        call_next: CallNext,
    ) -> tuple[Reply, Tier]:
        """Ask the lowest rung first, and the chosen one where its answer is doubtful."""
        tier, cheap = lowest
        done = await cascade.run(
            exchange,
            _to(exchange, cheap.facts, cheap.target),
            _to(exchange, rung.facts, rung.target),
            call_next,
            output=plan.conversation.output,
            tools=frozenset(tool.name for tool in plan.conversation.tools),
        )
        exchange.note("accepted", done.accepted)
        exchange.note("confidence", round(done.confidence, 4))
        exchange.note("doubts", ",".join(done.reasons))
        exchange.note("held_s", round(done.held_s, 4))
        if done.accepted:
            exchange.note("route.model", cheap.facts.name)
            exchange.acted(f"routed({cheap.facts.name})")
            self._stands_at(plan, cheap.facts.name, tier)
        return done.reply, tier if done.accepted else plan.decision.tier

    def _stands_at(self, plan: Plan, model: str, tier: Tier, floor: Tier | None = None) -> None:
        """The session's prefix now stands at another model than was decided."""
        state = self._sessions.get(plan.session) if plan.session else None
        if state is not None:
            self._sessions.put(plan.session, replace(state, model=model, tier=tier, floor=floor or state.floor))

    def _ended(self, exchange: Exchange, plan: Plan, outcome: Outcome) -> None:
        """Learn from the outcome: how fast the model is, what the session's prefix is, what was saved."""
        trail = exchange.trail
        if trail.attempts:
            # The last one alone: what was asked before it in vain is another model's time.
            began = trail.attempts[-1].started
            first_s = trail.first_chunk_at - began if exchange.stream and trail.first_chunk_at else None
            self._speeds.heard(outcome, (trail.ended or trail.call_ended) - began, first_s)
        usage, decided, before = outcome.usage, plan.decision.state, plan.before
        state = self._sessions.get(plan.session) if plan.session else None
        if usage is not None and state is not None and decided is not None and state.turns == decided.turns:
            state = replace(state, prefix_tokens=usage.input_tokens + usage.output_tokens)
            self._sessions.put(plan.session, state)
        if state is not None and outcome.response_id and exchange.endpoint.kind is EndpointKind.RESPONSES:
            # A client that goes on by `previous_response_id` sends no history to know its session by.
            self._sessions.put(_after(exchange.tenant, outcome.response_id), state)
        prefix = 0
        if before is not None and decided is not None and decided.last_at - before.last_at < self.settings.cache_ttl_s:
            prefix = before.prefix_tokens
        told = saved(
            outcome,
            plan.default,
            self._speeds.of(plan.default.provider, plan.default.model, plan.default.abilities),
            prefix,
            is_default=exchange.fact(self.name, "route.model") == plan.default.name,
        )
        if outcome.dropped:
            costs = [one.cost_usd for one in outcome.dropped if one.cost_usd is not None]
            exchange.note("dropped_usd", round(sum(costs), 8))
        if told.usd is not None:
            exchange.note("route.saved_usd", self._ledger.usd(told.usd))
        if told.seconds is not None:
            exchange.note("route.saved_s", self._ledger.seconds(told.seconds))


def _forced(exchange: Exchange) -> Tier | None:
    """The tier that the client named; raises `BadRequest` for one that there is not."""
    given = exchange.request.headers.get(TIER_HEADER)
    if given is None:
        return None
    try:
        return Tier(given.strip().lower())
    except ValueError:
        names = [tier.value for tier in TIERS]
        message = f"{TIER_HEADER} names no tier{nearest(given.strip().lower()[:32], names)}"
        raise BadRequest(message, code="unknown_tier", param=TIER_HEADER) from None


def _session(exchange: Exchange) -> str:
    """The session's id: what the client says, else the answer it goes on from, else what its history begins with."""
    before = exchange.payload.get("previous_response_id")
    if exchange.request.session_hint is None and isinstance(before, str) and before:
        return _after(exchange.tenant, before)
    if exchange.request.session_hint is None and exchange.endpoint.kind is EndpointKind.COMPLETIONS:
        # A bare prompt has no history that begins alike.
        return ""
    return exchange.session


def _after(tenant: str, response_id: str) -> str:
    """The session of those who go on from a stored response."""
    return derive_session(tenant, f"previous_response_id {response_id}", {})


def _may_cascade(exchange: Exchange, plan: Plan, rung: Rung) -> bool:
    """Whether the cheap model may try first: not where the session was lifted or holds a dearer model's cache, not
    where the client named the tier, and not what a cheap answer must not be asked for.
    """
    is_free = plan.decision.reason in ("first-turn", "by-itself", "harder")
    is_other = plan.cheap is not None and plan.cheap[1].facts.name != rung.facts.name
    return is_free and is_other and not unfit(exchange)


def _to(exchange: Exchange, facts: ModelFacts, target: TierTarget | None = None) -> Exchange:
    """The request for another model, with what that one takes."""
    shape = exchange.endpoint.shape
    if shape is None or (target is None and facts.name == exchange.model):
        return exchange
    wanted = target or TierTarget(model=ModelName(facts.name))
    fitted = fit(shape, exchange.payload, facts, wanted)
    return exchange.rewrite(fitted.set, remove=fitted.remove)
