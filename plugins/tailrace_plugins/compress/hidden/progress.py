"""How far one exchange has come: what was asked, what happened in between, and what is kept of it."""

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tailrace.errors import TailraceError
from tailrace.exchange import Exchange
from tailrace.wire import usage as usages
from tailrace.wire.endpoints import Shape
from tailrace.wire.usage import Usage
from tailrace.wire.watch import StreamWatch
from tailrace_plugins.compress.hidden import reading
from tailrace_plugins.compress.hidden.identity import answered
from tailrace_plugins.compress.hidden.nouns import Answered, Answering, Call, Inserted
from tailrace_plugins.compress.hidden.reading import Reading
from tailrace_plugins.compress.locate import history, key_of

_log = logging.getLogger("tailrace.compress")

_CHARS_PER_TOKEN = 4
_REFUSED = frozenset({400, 413, 422})
_LAST = "[No more can be brought back for this answer: go on with what you have.]"
_NOT_NOW = "It could not be brought back. Go on without it."


class Progress:
    """The rounds of one exchange. `request` is what is to be asked next, `rounds` how often more than once it was."""

    def __init__(
        self,
        shape: Shape,
        exchange: Exchange,
        tools: frozenset[str],
        answering: Answering,
        most_rounds: int,
        keep: Callable[[Inserted], None],
        counted: Callable[[int], None],
    ) -> None:
        self.shape = shape
        self.tools = tools
        self.request = exchange
        self.rounds = 0
        self._answering = answering
        self._most_rounds = most_rounds
        self._keep = keep
        self._counted = counted
        self._turns: list[dict[str, Any]] = []
        self._last: tuple[Exchange, list[dict[str, Any]], Any, Reading] | None = None
        self._stored = exchange.payload.get("store") is not False

    def goes_on(self, found: Reading) -> bool:
        """Whether the hidden calls of an answer are answered by another round."""
        return bool(found.hidden) and found.whole and not found.others and self.rounds < self._most_rounds

    def go_on(self, answer: Any, found: Reading) -> None:
        """Answer the calls; `request` is then the next round's."""
        given = [(call, self._answering(call)) for call in found.hidden]
        if self.rounds + 1 >= self._most_rounds:
            given = [(call, replace(one, text=f"{one.text}\n{_LAST}")) for call, one in given]
        self._last = (self.request, list(self._turns), answer, found)
        self._extend(answer, given)
        self.rounds += 1
        self._counted(self.rounds)

    def shorten(self, error: TailraceError) -> bool:
        """Answer the calls of the last round with a few words instead, since the provider refused it: what was brought
        back may be too long for it. Whether that was worth a try.
        """
        if self._last is None or error.status not in _REFUSED:
            return False
        self.request, self._turns, answer, found = self._last
        self._last = None
        self._extend(answer, [(call, Answered(_NOT_NOW)) for call in found.hidden])
        return True

    def _extend(self, answer: Any, given: list[tuple[Call, Answered]]) -> None:
        turns = reading.turns(self.shape, answer, _texts(given), stored=self._stored)
        payload = self.request.payload
        key = key_of(self.shape) or ""
        said = history(self.shape, payload) or []
        if isinstance(payload.get(key), str):
            said = [{"role": "user", "content": payload[key]}]
        changes: dict[str, Any] = {key: [*said, *turns]}
        if more := [tool for _, one in given for tool in one.tools]:
            changes["tools"] = [*(payload.get("tools") or ()), *more]
        self._turns = [*self._turns, *turns]
        self.request = self.request.rewrite(changes)

    def end(self, answer: Any, found: Reading, *, shown: bool) -> None:
        """The client is given this answer, the last. Calls that were cut, or one too many, are not put back."""
        calls: tuple[dict[str, Any], ...] = ()
        results: tuple[dict[str, Any], ...] = ()
        if found.hidden and found.others and found.whole:
            given = [(call, self._answering(call)) for call in found.hidden]
            calls, results = reading.taken_out(self.shape, answer, self.tools, _texts(given), stored=self._stored)
        if self._turns or found.hidden:
            try:
                told = answered(self.shape, answer, self.tools)
                self._keep(Inserted(tuple(self._turns), calls, results, shown and bool(self._turns), told))
            except Exception as error:  # noqa: BLE001 - the client's answer is complete, whatever is remembered of it
                _log.error("what a client was not shown could not be kept: %s", type(error).__name__)

    def dropped(self, provider: str, model: str, answer: Any, watch: StreamWatch | None = None) -> None:
        """Say that this answer was billed and is not given to the client, estimated where nobody counted."""
        counted = watch.usage if watch is not None else None
        counted = counted or usages.read(answer.get("usage") if isinstance(answer, dict) else None)
        if counted is None:
            output = watch.estimated_output_tokens if watch is not None else len(str(answer)) // _CHARS_PER_TOKEN
            counted = Usage(len(self.request.body()) // _CHARS_PER_TOKEN, output, estimated=True)
        self.request.dropped(provider, model, counted)


def _texts(given: list[tuple[Call, Answered]]) -> list[tuple[Call, str]]:
    return [(call, one.text) for call, one in given]
