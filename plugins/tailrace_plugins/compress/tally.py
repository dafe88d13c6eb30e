"""What compression has done for a session so far, as net numbers at billed rates."""

from dataclasses import dataclass, replace
from math import inf

from tailrace.exchange import Outcome
from tailrace_plugins.compress.planner import CacheRules
from tailrace_plugins.compress.report import Saved


@dataclass(frozen=True, slots=True)
class Tally:
    """A session's ledger. `sent_tokens`: of its last prompt, `alone_tokens`: of what that would have been without this
    plugin; `at`: when it was answered, in monotonic seconds. `carried_tokens`: what stands in the prompt since and that
    the client does not know of.

    `saved_usd` is what was saved less what was spent on it (rounds that the client does not see, summaries), negative
    where it cost more; `billed_usd` what all answers of the session cost.
    """

    requests: int = 0
    sent_tokens: int = 0
    alone_tokens: int = 0
    carried_tokens: int = 0
    at: float = 0.0
    saved_tokens: int = 0
    saved_usd: float = 0.0
    billed_usd: float = 0.0

    def idle_s(self, now: float) -> float:
        """Seconds since the last answer; for ever where there was none."""
        return now - self.at if self.requests else inf

    def cached_alone(self, now: float) -> int:
        """Tokens that the provider would have in its cache now, had all been sent as the client sent it."""
        rules = CacheRules()
        return rules.cached(self.alone_tokens) if self.idle_s(now) < rules.ttl_s else 0

    def with_request(self, outcome: Outcome, saved: Saved | None, carried: int, now: float) -> "Tally":
        """This, with one request more; `carried` tokens stand in its prompt that the client does not know of."""
        usage = outcome.usage
        sent = usage.input_tokens if usage is not None and usage.input_tokens else self.sent_tokens
        return replace(
            self,
            requests=self.requests + 1,
            sent_tokens=sent,
            alone_tokens=sent + (saved.tokens if saved is not None else 0),
            carried_tokens=carried,
            at=now,
            saved_tokens=self.saved_tokens + (saved.tokens if saved is not None else 0),
            saved_usd=self.saved_usd + ((saved.usd or 0.0) if saved is not None else 0.0),
            billed_usd=self.billed_usd + (outcome.cost_usd or 0.0),
        )

    def spent(self, usd: float) -> "Tally":
        """This, after something was bought for it that no request of the client's was billed for."""
        return replace(self, saved_usd=self.saved_usd - usd, billed_usd=self.billed_usd + usd)
