"""What compression has saved and spent, by session and for the counters, once the bill is there."""

from dataclasses import dataclass, field
from typing import Final

from tailrace.exchange import Exchange, Outcome
from tailrace.plugin import Services
from tailrace.savings import Ledger
from tailrace_plugins.compress import report
from tailrace_plugins.compress.memory import Fold
from tailrace_plugins.compress.offers import Offer
from tailrace_plugins.compress.render import fold_of
from tailrace_plugins.compress.report import Beside, Report, inserted_tokens
from tailrace_plugins.compress.tally import Tally
from tailrace_plugins.compress.turn import Turn

_PLUGIN: Final = "compress"


@dataclass(slots=True)
class Rounds:
    """The rounds of one exchange that its client does not see: how many, where their bills begin among all that were
    dropped, what they loaded.
    """

    count: int = 0
    start: int = 0
    loads: list[str] = field(default_factory=list)


class Accounts:
    """The ledgers of all sessions. Serves all requests at once."""

    def __init__(self, services: Services) -> None:
        self._tallies = services.sessions.slot(f"{_PLUGIN}.tally", Tally)
        self._prices = services.prices
        self._now = services.clock.monotonic
        self._ledger = Ledger()

    def of(self, session: str) -> Tally:
        """A session's ledger; an empty one where none is known, or the session has no name."""
        return (self._tallies.get(session) if session else None) or Tally()

    def spent(self, session: str, usd: float) -> None:
        """Something was bought for a session that is in no bill of the client's."""
        self._tallies.put(session, self.of(session).spent(usd))
        self._ledger.usd(-usd)

    def ended(
        self,
        exchange: Exchange,
        turn: Turn,
        told: Report,
        offer: Offer,
        fold: Fold | None,
        rounds: Rounds,
        outcome: Outcome,
    ) -> None:
        """Tell what was saved in a request, net, and add it to the session's ledger."""
        ours = [scope for scope in exchange.trail.scopes if scope.plugin == _PLUGIN]
        mine = outcome.dropped[rounds.start : rounds.start + rounds.count]
        costs = [one.cost_usd for one in mine]
        if ours[-1] is not exchange.scope:
            # Another model was asked in its place, and the bill is for that one; but for the rounds of the first.
            if turn.session and rounds.count:
                self.spent(turn.session, sum(cost or 0.0 for cost in costs))
            return
        price, now = self._prices.find(outcome.provider, outcome.model), self._now()
        is_new_fold = fold is not None and fold is not fold_of(turn.conversation.notes)
        adopts = offer.recalls and not turn.recalls and not turn.is_first
        beside = Beside(
            tools=offer.before - offer.after,
            fold=fold.saved if fold is not None else 0,
            carried=0 if is_new_fold else turn.tally.carried_tokens,
            inserted=inserted_tokens(mine, outcome),
            before=turn.tally.cached_alone(now) if is_new_fold or adopts or rounds.loads else None,
            spent_usd=None if None in costs else sum(cost or 0.0 for cost in costs),
        )
        saved = report.saved(told, turn.conversation.chain, len(exchange.raw or b""), outcome, price, beside)
        if turn.session:
            tally = self.of(turn.session).with_request(outcome, saved, beside.carried + beside.inserted, now)
            self._tallies.put(turn.session, tally)
            exchange.note("session_requests", tally.requests)
            exchange.note("session_saved_usd", tally.saved_usd)
            exchange.note("session_billed_usd", tally.billed_usd)
        if saved is not None and exchange.scope is not None and exchange.scope.action == "acted":
            exchange.note("compress.saved_input_tokens", max(0, saved.tokens))
            if saved.usd is not None:
                exchange.note("net_usd", saved.usd)
                exchange.note("compress.saved_usd", self._ledger.usd(saved.usd))
