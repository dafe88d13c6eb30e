"""Summaries that a cheap model makes while nobody waits for them."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, Final

from tailrace.errors import TailraceError
from tailrace.exchange import Exchange
from tailrace.plugin import CallNext, Services
from tailrace.wire import usage as usages
from tailrace.wire.endpoints import CHAT
from tailrace_plugins.compress.history.cut import Cut
from tailrace_plugins.compress.history.request import read_summary, summary_request
from tailrace_plugins.compress.settings import HistorySettings
from tailrace_plugins.compress.work import Conversation

_log = logging.getLogger("tailrace.compress")

_MOST_UNDER_WAY: Final = 8
"""In the whole process: more would fill the provider's limits for what may never be used."""


class Summaries:
    """Asks the configured model, one at a time for each session. Serves all requests at once."""

    def __init__(self, settings: HistorySettings, services: Services) -> None:
        self._settings = settings
        self._services = services
        self._under_way: set[str] = set()
        self.failed = 0
        """How often there was no summary to be had."""

    def prepare(
        self,
        session: str,
        exchange: Exchange,
        call_next: CallNext,
        conversation: Conversation,
        cut: Cut,
        then: Callable[[str | None, float], None],
    ) -> None:
        """Have what is cut summed up in the background; `then` is told the text and its price in dollars: None for a
        text that cannot be used, which is billed all the same.

        Nothing happens where one is under way for the session, or too many are. Where the model fails, that is logged
        and counted: the messages' own words are used when the time comes.
        """
        if self._settings.model is None or session in self._under_way or len(self._under_way) >= _MOST_UNDER_WAY:
            return
        request = replace(exchange.request, endpoint=CHAT, path=CHAT.route, query="")
        alone = replace(exchange, request=request).alone(self._services.rng, self._services.clock)
        make = partial(
            summary_request,
            conversation.shape,
            conversation.messages[cut.start : cut.end],
            self._settings.model,
            self._settings.summary_tokens,
        )
        self._under_way.add(session)
        self._services.tasks.spawn(self._make(session, alone, make, call_next, then), "compress-summary")

    async def _make(
        self,
        session: str,
        alone: Exchange,
        make: Callable[[], dict[str, Any]],
        call_next: CallNext,
        then: Callable[[str | None, float], None],
    ) -> None:
        try:
            asked = replace(alone, payload=await asyncio.to_thread(make), raw=None, _cell=[])
            reply = await call_next(asked)
            if reply.stream is not None:
                await reply.aclose()
            told = reply.json()
            text = read_summary(told) if reply.status < 300 else None
            usage = usages.read(told.get("usage")) if isinstance(told, dict) else None
            usd = self._services.prices.cost(asked.trail.provider, asked.trail.model, usage) or 0.0
            if text is None:
                self.failed += 1
                _log.warning("compress: %s made no summary that can be used", self._settings.model)
            then(text, usd)
        except TailraceError as error:
            self.failed += 1
            _log.warning("compress: the model for summaries failed: %s", error.code or type(error).__name__)
        finally:
            self._under_way.discard(session)
