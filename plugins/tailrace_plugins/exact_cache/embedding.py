"""Embeddings from the cache: inputs that are known are answered, only the rest is sent."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from tailrace.cache.answered import usage_of
from tailrace.cache.entry import Entry, Saved
from tailrace.cache.flights import Flight, Landing
from tailrace.cache.keeping import why_not_shared
from tailrace.cache.serving import marked, with_mark
from tailrace.exchange import Exchange, Reply
from tailrace.plugin import CallNext
from tailrace.wire import jsonio
from tailrace_plugins.exact_cache.batches import input_keys, inputs_of, joined, kept_rows, shares
from tailrace_plugins.exact_cache.desk import Asked, Desk

_INLINE: Final = 64
"""Inputs; more are hashed in a thread, and looked up with pauses for other requests."""

_INLINE_BYTES: Final = 524_288
"""Of vectors; more are taken apart and put together in a thread."""


async def answer(desk: Desk, asked: Asked, exchange: Exchange, call_next: CallNext, flight: Flight) -> Reply:
    """Answer each known input, ask for the rest, keep what comes. The request goes out as it came if none is known.

    `asked.draft.key` is the identity of the whole request; entries are kept by input. Whoever waits on `flight` looks
    for the inputs itself when this is done.
    """
    inputs = inputs_of(exchange.payload) or []
    size = len(exchange.raw or b"") if len(inputs) <= _INLINE else _INLINE_BYTES + 1
    keys = await _off_loop(size, input_keys, desk.key(exchange.rewrite(remove=("input",))), inputs)
    known = await _known(desk, asked, keys, exchange)
    if not _same_model({"model": None}, [entry for entry in known if entry is not None]):
        # Kept at different times, of two models behind one name: their vectors do not go together.
        known = [None] * len(keys)
    missing = [position for position, entry in enumerate(known) if entry is None]
    found = [entry for entry in known if entry is not None]
    if not missing:
        desk.land(asked, flight, Landing(hand_over=True))
        return await _all_known(desk, found, exchange)
    desk.counts.looked_up(exchange.model, hit=False)
    is_part = bool(found)
    reply = await call_next(exchange.rewrite({"input": [inputs[p] for p in missing]}) if is_part else exchange)
    why = why_not_shared(reply, exchange)
    if reply.status != 200:
        desk.not_stored(exchange, why)
        desk.land(asked, flight, Landing(hand_over=True))
        return with_mark(reply, "miss")
    told = reply.json()
    rows = None if why or reply.stream is not None else await _rows(reply, told, len(missing))
    if rows is None or (is_part and not _same_model({"model": told.get("model")}, found)):
        # Vectors of two models must not stand in one answer.
        desk.not_stored(exchange, why or "unknown-form")
        desk.land(asked, flight, Landing())
        return with_mark(await call_next(exchange) if is_part else reply, "miss")
    entries = _entries(desk, asked, exchange, [inputs[p] for p in missing], [keys[p] for p in missing], rows, told)
    if asked.control.store:
        desk.store(asked, exchange, entries)
    else:
        desk.not_stored(exchange, "no-store")
    desk.land(asked, flight, Landing(hand_over=True))
    if not is_part:
        return with_mark(reply, "miss")
    fresh = iter(rows)
    whole = [entry.body if entry is not None else next(fresh) for entry in known]
    counted = told.get("usage")
    usage = {
        **(counted if isinstance(counted, dict) else {}),
        "tailrace": {"cache": "exact", "cached_inputs": len(found)},
    }
    around = {name: value for name, value in told.items() if name not in ("data", "usage")}
    body = await _off_loop(sum(map(len, whole)), joined, whole, usage, around)
    exchange.acted(f"part({len(found)}/{len(inputs)})")
    desk.count_saving(exchange, _sum(found, seconds=0.0), "part")
    mark = {"x-tailrace-cache": f"exact;inputs={len(found)}/{len(inputs)}", "age": str(_age(desk, found))}
    return reply.with_body(body).with_headers(mark)


async def _known(desk: Desk, asked: Asked, keys: list[str], exchange: Exchange) -> list[Entry | None]:
    if not asked.control.look:
        return [None] * len(keys)
    return [desk.served(entry, asked.control, exchange) for entry in await desk.shelf.get_many(keys)]


async def _all_known(desk: Desk, found: list[Entry], exchange: Exchange) -> Reply:
    saved = _sum(found, seconds=max(entry.saved.seconds for entry in found))
    usage = marked({"prompt_tokens": saved.input_tokens, "total_tokens": saved.input_tokens}, "exact")
    rows = [entry.body for entry in found]
    body = await _off_loop(sum(map(len, rows)), joined, rows, usage, None)
    desk.count_hit(exchange, saved, "exact")
    age = _age(desk, found)
    exchange.note("cache.age_s", age)
    headers = {"content-type": "application/json", "age": str(age), "x-tailrace-cache": "exact"}
    return Reply(200, headers, body, origin=desk.name)


async def _rows(reply: Reply, told: Any, count: int) -> list[bytes] | None:
    rows: list[bytes] | None = await _off_loop(len(reply.body), kept_rows, told, count)
    return rows


def _same_model(told: Mapping[str, Any], found: list[Entry]) -> bool:
    """Whether the kept rows are all of one model, and of the one the provider names now, if it does."""
    named = {str(jsonio.loads_object(entry.body.partition(b"\n")[0]).get("model")) for entry in found}
    return len(named) <= 1 and (told["model"] is None or named <= {str(told["model"])})


def _entries(
    desk: Desk, asked: Asked, exchange: Exchange, inputs: list[Any], keys: list[str], rows: list[bytes], told: Any
) -> list[Entry]:
    usage = usage_of(told)
    saved = desk.saved(exchange, usage)
    tokens = saved.input_tokens
    now, draft = desk.wall_s(), asked.draft
    entries = []
    for one, key, row, share in zip(inputs, keys, rows, shares(tokens, inputs), strict=True):
        usd = saved.usd * share / tokens if saved.usd is not None and tokens else None
        entries.append(
            Entry(
                cache=desk.name,
                key=key,
                tenant=exchange.tenant,
                kind=exchange.endpoint.kind.value,
                model=exchange.model,
                created=now,
                expires=now + draft.ttl_s,
                body=row,
                usage=usage is not None,
                question=one[:2000] if isinstance(one, str) else "",
                tags=draft.tags,
                saved=Saved(share, 0, usd, saved.seconds),
            )
        )
    return entries


def _sum(entries: list[Entry], seconds: float) -> Saved:
    prices = [entry.saved.usd for entry in entries]
    usd = None if None in prices else sum(price for price in prices if price is not None)
    return Saved(sum(entry.saved.input_tokens for entry in entries), 0, usd, seconds)


def _age(desk: Desk, entries: list[Entry]) -> int:
    now = desk.wall_s()
    return max(entry.age_s(now) for entry in entries)


async def _off_loop(size: int, work: Any, *given: Any) -> Any:
    """Do the work here, or in a thread where it is large."""
    return await asyncio.to_thread(work, *given) if size > _INLINE_BYTES else work(*given)
