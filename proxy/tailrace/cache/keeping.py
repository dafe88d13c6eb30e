"""From an answer that has come to the entry that keeps it. Pure but for the compression it may be asked to do."""

import zlib
from dataclasses import dataclass
from typing import Final

from tailrace.cache.answered import surely_kept, usage_of, why_not_kept
from tailrace.cache.entry import Entry, Saved
from tailrace.cache.serving import assembled
from tailrace.exchange import Exchange, Reply
from tailrace.prices import PriceTable
from tailrace.wire.sse import FrameSplitter
from tailrace.wire.usage import Usage
from tailrace.wire.watch import StreamWatch

_COMPRESSION: Final = 1
"""Event streams repeat themselves: the fastest level takes off nine tenths."""


@dataclass(frozen=True, slots=True)
class Draft:
    """All of an entry that is known when the request is made."""

    cache: str
    key: str
    tags: tuple[str, ...]
    question: str
    ttl_s: float
    partition: str = ""
    vector: bytes = b""


def why_not_shared(reply: Reply, exchange: Exchange) -> str:
    """Why an answer can be neither kept nor shared, whatever it says; "" where it can.

    An answer from a fallback target is not what the model's name stands for; one that another plugin made has its own
    cache, or none.
    """
    if reply.origin != "upstream":
        return "not-from-upstream"
    if reply.status != 200:
        return "status"
    if exchange.trail.fell_back:
        return "fallback"
    if reply.stream is not None and not reply.is_events:
        return "opaque"
    return ""


def saved_by(exchange: Exchange, usage: Usage | None, prices: PriceTable, now: float) -> Saved:
    """What the call has cost, and so what a hit on it saves. `now` is monotonic."""
    trail = exchange.trail
    seconds = max(0.0, now - trail.call_started) if trail.call_started else 0.0
    if usage is None:
        return Saved(seconds=seconds)
    cost = prices.cost(trail.provider, trail.model, usage)
    return Saved(usage.input_tokens, usage.output_tokens, cost, seconds)


def entry_of_whole(draft: Draft, exchange: Exchange, reply: Reply, saved: Saved, wall_s: float) -> Entry | str:
    """The entry for a whole answer, or the word that says why there is none."""
    answer = reply.json()
    if why := why_not_kept(exchange.endpoint.kind, answer):
        return why
    return _entry(draft, exchange, usage_of(answer) is not None, reply.body, b"", saved, wall_s)


def entry_of_stream(
    draft: Draft, exchange: Exchange, recorded: bytes, watch: StreamWatch | None, saved: Saved, wall_s: float
) -> Entry | str:
    """The entry for a stream that has ended: its events alone. What they add up to is put together when it is asked for
    (`serving.whole_of`), and here only where `watch`, who heard just these events, does not tell enough.
    """
    kind, shape = exchange.endpoint.kind, exchange.endpoint.shape
    if shape is None:
        return "unknown-form"
    if watch is None:
        watch = StreamWatch(shape)
        splitter = FrameSplitter()
        for frame in [*splitter.feed(recorded), splitter.rest]:
            watch.feed(frame)
    if watch.error is not None:
        return "error"
    if watch.garbled:
        # Something in it could not be read, so nobody knows what it says.
        return "garbled"
    if surely_kept(kind, watch, recorded):
        has_usage = watch.usage is not None
    else:
        answer = assembled(shape, recorded)
        if why := why_not_kept(kind, answer):
            return why
        has_usage = usage_of(answer) is not None
    return _entry(draft, exchange, has_usage, b"", zlib.compress(recorded, _COMPRESSION), saved, wall_s)


def heard_by(reply: Reply, exchange: Exchange) -> StreamWatch | None:
    """Who heard the events of the reply as they are; None where a plugin below alters them."""
    altered = reply.stream is None or any(stage.wrap is not None for stage in reply.stream.stages)
    return None if altered else exchange.trail.watch


def _entry(
    draft: Draft, exchange: Exchange, has_usage: bool, body: bytes, frames: bytes, saved: Saved, wall_s: float
) -> Entry:
    return Entry(
        cache=draft.cache,
        key=draft.key,
        tenant=exchange.tenant,
        kind=exchange.endpoint.kind.value,
        model=exchange.model,
        created=wall_s,
        expires=wall_s + draft.ttl_s,
        body=body,
        frames=frames,
        usage=has_usage,
        question=draft.question,
        tags=draft.tags,
        saved=saved,
        partition=draft.partition,
        vector=draft.vector,
    )
