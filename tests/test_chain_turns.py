import asyncio

import pytest
from chain_kit import ASKED, OK, made, passes

from tailrace.chain import chain_header
from tailrace.errors import StreamCut, TailraceError
from tailrace.exchange import Reply
from tailrace.testing import (
    chat_text,
    events,
    exchange,
    failing,
    hanging,
    run,
    virtual_time,
    whole,
)
from tailrace.trail import PluginScope

# Deadlines.


@virtual_time
async def test_a_plugin_that_hangs_is_left_out():
    async def handle(exchange, call_next):
        await asyncio.sleep(10**6)

    result = await run(made(handle, settings={"deadline_s": 3}), exchange(ASKED), OK)
    assert (result.status, result.header) == (200, "one=timed-out")
    assert result.times == [3]


@virtual_time
async def test_a_guard_that_hangs_lets_nothing_through():
    async def handle(exchange, call_next):
        await asyncio.sleep(10**6)

    result = await run(made(handle, fail_open=False, settings={"deadline_s": 3}), exchange(ASKED), OK)
    assert (result.status, result.header) == (503, "one=timed-out")


@virtual_time
async def test_waiting_for_the_provider_is_not_the_plugins_time():
    result = await run(made(passes, settings={"deadline_s": 1}), exchange(ASKED), whole({}, after_s=500))
    assert (result.status, result.header) == (200, "one=stood-aside(nothing-to-do)")


@virtual_time
async def test_what_a_plugin_spent_before_counts_after():
    async def handle(exchange, call_next):
        await asyncio.sleep(2)
        reply = await call_next(exchange)
        await asyncio.sleep(2)
        return reply

    slow = whole({}, after_s=500)
    result = await run(made(handle, settings={"deadline_s": 3}), exchange(ASKED), slow)
    assert (result.header, result.times) == ("one=timed-out", [503])
    assert result.status == 200
    assert len(result.upstream.got) == 1
    patient = await run(made(handle, settings={"deadline_s": 5}), exchange(ASKED), slow)
    assert (patient.header, patient.times) == ("one=stood-aside(nothing-to-do)", [504])


@virtual_time
async def test_the_time_of_the_plugins_below_is_theirs():
    async def slow(exchange, call_next):
        await asyncio.sleep(5)
        return await call_next(exchange)

    plugins = [made(passes, "top", settings={"deadline_s": 1}), made(slow, "low", settings={"deadline_s": 9})]
    result = await run(plugins, exchange(ASKED), whole({}, after_s=7))
    top, low = result.exchange.trail.scopes
    assert result.header == "top=stood-aside(nothing-to-do), low=stood-aside(nothing-to-do)"
    assert (round(top.self_s, 3), round(low.self_s, 3)) == (0, 5)
    assert (top.ended - top.started, low.ended - low.started) == pytest.approx((12, 12))


@virtual_time
async def test_waiting_in_a_task_is_not_the_plugins_time():
    kept = []

    async def handle(exchange, call_next):
        kept.append(asyncio.ensure_future(call_next(exchange)))
        await asyncio.wait(kept, timeout=5)
        return Reply(200, {}, b"early", origin="one")

    result = await run(made(handle, settings={"deadline_s": 1}), exchange(ASKED), whole({}, after_s=60))
    await kept[0]
    assert (result.header, result.body) == ("one=answered", b"early")
    assert result.scope.self_s < 1


@virtual_time
async def test_a_client_that_leaves_is_no_timeout():
    result = await run(made(passes, settings={"deadline_s": 1}), exchange(ASKED), hanging(), leaves_after_s=30)
    assert result.left
    assert result.upstream.cancelled == 1
    assert result.header == ""


# Asking twice.


async def test_a_plugin_may_ask_twice():
    async def handle(exchange, call_next):
        first = await call_next(exchange)
        await first.aclose()
        return await call_next(exchange.rewrite({"model": "other"}))

    answers = events(*chat_text("first")), events(*chat_text("second"))
    result = await run(made(handle), exchange({**ASKED, "stream": True}), *answers)
    assert result.text == "second"
    assert [got.model for got in result.upstream.got] == ["m", "other"]
    assert result.upstream.all_closed


async def test_a_second_try_after_an_error():
    async def handle(exchange, call_next):
        try:
            return await call_next(exchange)
        except TailraceError:
            return await call_next(exchange.rewrite({"model": "other"}))

    result = await run(made(handle), exchange(ASKED), failing(), OK)
    assert (result.status, len(result.upstream.got)) == (200, 2)
    again = await run(made(handle), exchange(ASKED), failing(), failing(StreamCut("twice")))
    assert again.error.message == "twice"


async def test_failing_after_the_second_answer_keeps_the_second():
    async def handle(exchange, call_next):
        await call_next(exchange)
        await call_next(exchange)
        raise KeyError

    result = await run(made(handle), exchange(ASKED), whole({"n": 1}), whole({"n": 2}))
    assert result.answer == {"n": 2}


async def test_an_error_that_was_made_good_is_forgotten():
    async def handle(exchange, call_next):
        try:
            await call_next(exchange)
        except TailraceError:
            await call_next(exchange)
        raise KeyError

    result = await run(made(handle), exchange(ASKED), failing(), whole({"n": 2}))
    assert result.answer == {"n": 2}


# What a plugin did.


async def test_what_it_says_counts():
    async def handle(exchange, call_next):
        exchange.acted("routed(x)")
        exchange.note("score", 0.5)
        return await call_next(exchange)

    result = await run(made(handle), exchange(ASKED), OK)
    assert (result.action, result.label, result.facts) == ("acted", "routed(x)", {"score": 0.5})


@pytest.mark.parametrize(
    ("make", "header"),
    [
        (lambda reply: reply, "one=stood-aside(nothing-to-do)"),
        (lambda reply: reply.with_headers({"x": "y"}), "one=acted"),
        (lambda reply: reply.with_body(b"{}"), "one=acted"),
    ],
)
async def test_what_it_did_is_inferred(make, header):
    async def handle(exchange, call_next):
        return make(await call_next(exchange))

    assert (await run(made(handle), exchange(ASKED), OK)).header == header


async def test_answering_itself_is_inferred():
    async def handle(exchange, call_next):
        return Reply(200, {}, b"{}")

    result = await run(made(handle), exchange(ASKED), OK)
    assert (result.header, result.upstream.got) == ("one=answered", [])


async def test_facts_are_each_plugins_own_and_readable_below():
    seen = {}

    async def notes(exchange, call_next):
        exchange.note("n", 1)
        return await call_next(exchange)

    async def reads(exchange, call_next):
        exchange.note("n", 2)
        seen.update(top=exchange.fact("top", "n"), own=exchange.fact("low", "n"), none=exchange.fact("top", "x"))
        return await call_next(exchange)

    await run([made(notes, "top"), made(reads, "low")], exchange(ASKED), OK)
    assert seen == {"top": 1, "own": 2, "none": None}


@pytest.mark.parametrize(
    ("action", "label", "shown"),
    [
        ("acted", "miss", "p=miss"),
        ("stood-aside", "too-small", "p=stood-aside(too-small)"),
        ("skipped", "", "p=skipped"),
        ("failed", "KeyError", "p=failed(KeyError)"),
        ("timed-out", "", "p=timed-out"),
        (None, "", ""),
    ],
)
def test_header_text(action, label, shown):
    assert chain_header([PluginScope("p", 0.0, action=action, label=label)]) == shown


def test_header_order():
    scopes = [
        PluginScope("b", 0, action="acted", label="x"),
        PluginScope("c", 0),
        PluginScope("a", 0, action="skipped"),
    ]
    assert chain_header(scopes) == "b=x, a=skipped"
