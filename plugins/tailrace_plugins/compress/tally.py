"""What compression has done for a session so far, as net numbers at billed rates."""

from dataclasses import dataclass, replace

from tailrace.exchange import Outcome
from tailrace_plugins.compress.report import Saved


@dataclass(frozen=True, slots=True)
class Tally:
    """A session's ledger. `sent_tokens`: of its last prompt; `at`: when that was answered, in monotonic seconds.

    `saved_usd` is what was saved less what was spent on it (rounds that the client does not see, summaries), negative
    where it cost more; `billed_usd` what all answers of the session cost.
    """

    requests: int = 0
    sent_tokens: int = 0
    at: float = 0.0
    saved_tokens: int = 0
    saved_usd: float = 0.0
    billed_usd: float = 0.0

    def with_request(self, outcome: Outcome, saved: Saved | None, now: float) -> "Tally":
        """This, with one request more."""
        usage = outcome.usage
        return replace(
            self,
            requests=self.requests + 1,
            sent_tokens=usage.input_tokens if usage is not None and usage.input_tokens else self.sent_tokens,
            at=now,
            saved_tokens=self.saved_tokens + (saved.tokens if saved is not None else 0),
            saved_usd=self.saved_usd + ((saved.usd or 0.0) if saved is not None else 0.0),
            billed_usd=self.billed_usd + (outcome.cost_usd or 0.0),
        )

    def spent(self, usd: float) -> "Tally":
        """This, after something was bought for it that no request of the client's was billed for."""
        return replace(self, saved_usd=self.saved_usd - usd, billed_usd=self.billed_usd + usd)
