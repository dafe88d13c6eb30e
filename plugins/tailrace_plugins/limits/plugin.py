"""The `limits` plugin: start reading here."""

from functools import partial
from typing import ClassVar

from tailrace.errors import TailraceError
from tailrace.exchange import Exchange, Outcome, Reply
from tailrace.plugin import CallNext, Plugin, Services
from tailrace.wire.endpoints import EndpointKind
from tailrace_plugins.limits.headers import duration, limit_headers, retry_headers
from tailrace_plugins.limits.memory import Memory, Refused, Taken
from tailrace_plugins.limits.rules import demands, estimate
from tailrace_plugins.limits.settings import LimitsSettings


class LimitsPlugin(Plugin[LimitsSettings]):
    """Refuses what is more than a tenant may ask for, before anything is spent on it.

    Label: `passed`, or `refused(429)`: the client gets a 429 in OpenAI's shape that says which limit, and when to come
    again. Stands aside with `no-limit`. Facts: `reserved_tokens` and, once billed, `used_tokens`; of what was refused
    `limited_by` (`requests`, `tokens`, `concurrency`) and `wait_s`.
    """

    name: ClassVar[str] = "limits"
    Settings: ClassVar[type[LimitsSettings]] = LimitsSettings
    skippable: ClassVar[bool] = False
    fail_open: ClassVar[bool] = False

    def __init__(self, settings: LimitsSettings, services: Services) -> None:
        super().__init__(settings, services)
        self._memory = Memory()
        self._now = services.clock.monotonic

    async def handle(self, exchange: Exchange, call_next: CallNext) -> Reply:
        """Take what the request needs, or refuse it."""
        body_bytes = len(exchange.raw) if exchange.raw is not None else 0
        answers = 0 if exchange.endpoint.kind is EndpointKind.EMBEDDINGS else self.settings.answer_tokens
        tokens = estimate(exchange.payload, body_bytes, answers)
        wanted = demands(self.settings, exchange.tenant, exchange.model, tokens)
        if not wanted:
            exchange.stood_aside("no-limit")
            return await call_next(exchange)
        taken = self._memory.take(wanted, self._now())
        if isinstance(taken, Refused):
            raise self._refusal(exchange, taken)
        exchange.on_end(partial(self._ended, exchange, taken))
        exchange.acted("passed")
        if any(demand.kind == "tokens" for demand in wanted):
            exchange.note("reserved_tokens", tokens)
        told = limit_headers(zip(taken.demands, taken.takings, strict=True))
        try:
            reply = await call_next(exchange)
        except TailraceError as error:
            error.headers.update(told)
            raise
        return reply.with_headers(told)

    def _refusal(self, exchange: Exchange, refused: Refused) -> TailraceError:
        demand, wait_s = refused.demand, refused.wait_s
        exchange.note("limited_by", demand.kind)
        limit = demand.slots if demand.rate is None else demand.rate.count
        when = "Lower the limit of the answer, or the input." if wait_s == float("inf") else _when(wait_s)
        if limit == 0:
            when = "None are allowed."
        if wait_s != float("inf"):
            exchange.note("wait_s", wait_s)
        headers = {**limit_headers([(demand, refused.taking)]), **retry_headers(wait_s)}
        return TailraceError(
            f"Rate limit reached: {limit} {demand.words}. {when}",
            status=429,
            kind="tokens" if demand.kind == "tokens" else "requests",
            code="rate_limit_exceeded",
            headers=headers,
        )

    def _ended(self, exchange: Exchange, taken: Taken, outcome: Outcome) -> None:
        """Settle at what was billed: an answer that no provider made costs no tokens, one that nobody has counted what
        was taken for it.
        """
        used = 0 if not outcome.provider else None
        if outcome.usage is not None and outcome.provider:
            dropped = sum(one.usage.total_tokens for one in outcome.dropped)
            used = outcome.usage.total_tokens + dropped
        elif outcome.provider and outcome.status >= 400:
            used = 0
        if used is not None:
            exchange.note("used_tokens", used)
        self._memory.settle(taken, used)


def _when(wait_s: float) -> str:
    return f"Please try again in {duration(wait_s)}."
