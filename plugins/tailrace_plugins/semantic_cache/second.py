"""Second opinions, all in the background: hits that are also asked upstream, and near misses a cheap model judges."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from typing import Any, Final

from tailrace.cache.entry import Entry
from tailrace.cache.serving import whole_of
from tailrace.embed import EmbedderUnavailable
from tailrace.errors import TailraceError
from tailrace.exchange import Exchange, Reply
from tailrace.plugin import CallNext, Services
from tailrace.wire import jsonio
from tailrace.wire import usage as usages
from tailrace.wire.endpoints import CHAT
from tailrace_plugins.semantic_cache.compare import answers_agree, text_of_answer
from tailrace_plugins.semantic_cache.settings import SemanticCacheSettings
from tailrace_plugins.semantic_cache.shadow import Shadows

_log = logging.getLogger("tailrace.semantic_cache")

_MOST_APPROVED: Final = 10_000
_MOST_AT_ONCE: Final = 8
"""Second opinions under way; a sample that comes then is left out."""
_MOST_ASKED: Final = 10_000
"""Near misses that are remembered as asked: none is asked about twice."""

_JUDGE: Final = (
    "Two messages to an assistant. Would one and the same answer be fully right for both? Differences in names, "
    "numbers, order, negation, scope or wanted form mean no. Answer with one word: yes or no."
)


class Second:
    """What is learnt about the cache's answers without anybody waiting, and what learning has cost."""

    def __init__(self, settings: SemanticCacheSettings, services: Services, told_off: Callable[[str], None]) -> None:
        self._settings = settings
        self._services = services
        self._told_off = told_off
        self._shadows = Shadows(settings.max_false_hit_rate)
        self._approved: OrderedDict[bytes, str] = OrderedDict()
        self._judged: OrderedDict[bytes, None] = OrderedDict()
        self._under_way = 0
        self._embedded_tokens = 0
        self._owed_usd = 0.0
        self.judge_yes = 0
        self.judge_no = 0
        self.failed = 0

    def is_off(self, partition: str) -> bool:
        """Whether shadow samples have switched the partition off."""
        return self._shadows.is_off(partition)

    def approved(self, partition: str, question: str) -> str | None:
        """The key of the entry that the judge found fit for this very question, if any."""
        return self._approved.get(_digest(partition, question))

    def forget(self) -> None:
        """Something was purged: what was learnt about it may no longer hold."""
        self._approved.clear()
        self._judged.clear()
        self._shadows = Shadows(self._settings.max_false_hit_rate)

    def told(self) -> dict[str, Any]:
        """For the statistics."""
        told: dict[str, Any] = {}
        if self._settings.shadow_share:
            told["shadow"] = {"asked": self._shadows.asked, "wrong": self._shadows.wrong, "off": self._shadows.off}
        if self._settings.judge_model:
            told["judge"] = {"yes": self.judge_yes, "no": self.judge_no}
        if self.failed:
            told["second_opinions_failed"] = self.failed
        return told

    def samples(self) -> bool:
        """Whether this hit is one of those to be asked again."""
        share = self._settings.shadow_share
        return share > 0 and self._under_way < _MOST_AT_ONCE and self._services.rng.random() < share

    def shadow(self, partition: str, entry: Entry, exchange: Exchange, call_next: CallNext) -> None:
        """Ask the provider what a hit was served for, and compare."""
        self._services.tasks.spawn(self._shadow(partition, entry, exchange, call_next), "semantic-shadow")

    def worth_judging(self, partition: str, question: str, similarity: float) -> bool:
        """Whether a near miss is to be put before the judge: similar enough, and not asked about before."""
        if self._settings.judge_model is None or similarity < self._settings.judge_from:
            return False
        return self._under_way < _MOST_AT_ONCE and _digest(partition, question) not in self._judged

    def judge(self, partition: str, question: str, entry: Entry, exchange: Exchange, call_next: CallNext) -> None:
        """Ask the judge whether the entry's answer would have fitted; what it says holds from the next time on."""
        _remember(self._judged, _digest(partition, question), None, _MOST_ASKED)
        self._services.tasks.spawn(self._judge(partition, question, entry, exchange, call_next), "semantic-judge")

    async def _shadow(self, partition: str, entry: Entry, exchange: Exchange, call_next: CallNext) -> None:
        changes = exchange.rewrite({"stream": False}, remove=("stream_options",))
        reply = await self._ask(changes, call_next)
        if reply is None:
            return
        told = reply.json()
        kept = text_of_answer(await asyncio.to_thread(whole_of, entry, exchange.endpoint.shape))
        fresh = text_of_answer(told)
        try:
            agreed = await answers_agree(kept, fresh, self._services.embedder, self._settings.shadow_agreement)
        except EmbedderUnavailable:
            self.failed += 1
            return
        if self._shadows.heard(partition, agreed=agreed):
            self._told_off(partition)

    async def _judge(
        self, partition: str, question: str, entry: Entry, exchange: Exchange, call_next: CallNext
    ) -> None:
        pair = jsonio.dumps([entry.question, question]).decode()
        asked = {
            "model": self._settings.judge_model,
            "messages": [{"role": "system", "content": _JUDGE}, {"role": "user", "content": pair}],
            "temperature": 0,
            "max_tokens": 4,
        }
        judged = replace(exchange, request=replace(exchange.request, endpoint=CHAT, path=CHAT.route, query=""))
        reply = await self._ask(replace(judged, payload=asked, raw=None, _cell=[]), call_next)
        if reply is None:
            return
        if text_of_answer(reply.json()).strip().lower().rstrip(".!") == "yes":
            self.judge_yes += 1
            _remember(self._approved, _digest(partition, question), entry.key, _MOST_APPROVED)
        else:
            self.judge_no += 1

    async def _ask(self, exchange: Exchange, call_next: CallNext) -> Reply | None:
        """A whole answer from below, on a trail of its own: it is no part of the request that gave rise to it."""
        alone = exchange.alone(self._services.rng, self._services.clock)
        self._under_way += 1
        try:
            reply = await call_next(alone)
        except TailraceError:
            self.failed += 1
            return None
        finally:
            self._under_way -= 1
        if reply.stream is not None:
            await reply.aclose()
            self.failed += 1
            return None
        told = reply.json()
        usage = usages.read(told.get("usage")) if isinstance(told, dict) else None
        self._owed_usd += self._services.prices.cost(alone.trail.provider, alone.trail.model, usage) or 0.0
        return reply

    def net_usd(self, saved: float | None) -> float | None:
        """What is left of a saving after all that embeddings and second opinions have cost since the last one.

        None where a price is unknown. Never negative: what is still owed is taken from the next.
        """
        embedder = self._services.embedder
        tokens = embedder.spent_tokens - self._embedded_tokens
        self._embedded_tokens = embedder.spent_tokens
        if tokens:
            price = self._services.prices.find("", embedder.model)
            if price is None:
                return None
            self._owed_usd += tokens * price.input / 1_000_000
        if saved is None:
            return None
        net = saved - self._owed_usd
        self._owed_usd = max(0.0, -net)
        return max(0.0, net)


def _digest(partition: str, question: str) -> bytes:
    return sha256(f"{partition}\0{question}".encode("utf-8", "surrogatepass")).digest()


def _remember(table: "OrderedDict[bytes, Any]", key: bytes, value: Any, most: int) -> None:
    table[key] = value
    table.move_to_end(key)
    while len(table) > most:
        table.popitem(last=False)
