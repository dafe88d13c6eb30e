import asyncio

import pytest

from tailrace.chain import Chain, OrderProblem, chain_header, order_problems
from tailrace.errors import BadRequest, StreamCut, TailraceError
from tailrace.exchange import Reply
from tailrace.plugin import Plugin
from tailrace.testing import (
    FakeUpstream,
    chat_text,
    events,
    exchange,
    failing,
    hanging,
    plugin,
    run,
    services,
    virtual_time,
    whole,
)
from tailrace.trail import PluginScope
from tailrace.wire.endpoints import CHAT, EMBEDDINGS, MODELS, EndpointKind

"""Marks a defect of the core that is known: the mark must go when the defect does."""

ASKED = {"model": "m"}
OK = whole({"choices": []})


def made(handle, name="one", settings=None, **attributes):
    """A plugin whose `handle` is this function of exchange and call_next."""

    async def method(self, exchange, call_next):
        return await handle(exchange, call_next)

    return plugin(type(name.title(), (Plugin,), {"name": name, "handle": method, **attributes}), settings)


async def passes(exchange, call_next):
    return await call_next(exchange)


# The order of plugins, and who is asked.


async def test_the_first_is_outermost():
    seen = []

    def tells(name):
        async def handle(exchange, call_next):
            seen.append(f"{name} in")
            reply = await call_next(exchange.rewrite({name: True}))
            seen.append(f"{name} out")
            return reply

        return made(handle, name)

    result = await run([tells("a"), tells("b")], exchange(ASKED), OK)
    assert seen == ["a in", "b in", "b out", "a out"]
    assert result.upstream.got[0].payload == {"model": "m", "a": True, "b": True}
    assert [scope.plugin for scope in result.exchange.trail.scopes] == ["a", "b"]


async def test_without_plugins_the_upstream_gets_the_exchange_itself():
    asked = exchange(ASKED)
    result = await run([], asked, OK)
    assert result.upstream.got[0] is asked
    assert result.header == ""


async def test_only_the_endpoints_plugins_are_asked():
    chat_only = made(passes, endpoints=frozenset({EndpointKind.CHAT}))
    assert (await run(chat_only, exchange(ASKED, endpoint=CHAT), OK)).header == "one=stood-aside(nothing-to-do)"
    assert (await run(chat_only, exchange(ASKED, endpoint=EMBEDDINGS), OK)).header == ""
    everything = made(passes)
    assert (await run(everything, exchange(ASKED, endpoint=MODELS), OK)).header == ""


def test_a_wrong_order_is_told_and_never_sorted():
    low, high = (type(name, (Plugin,), {"name": name}) for name in ("low", "high"))
    low.after = frozenset({"high", "absent"})
    assert order_problems([high, low]) == []
    assert order_problems([low]) == []
    assert order_problems([low, high]) == [OrderProblem("low", "high")]
    chain = Chain([plugin(low), plugin(high)], FakeUpstream(OK), services().clock)
    assert [one.name for one in chain.plugins] == ["low", "high"]


# What clients may leave out.


async def test_a_skipped_plugin_is_not_called():
    async def refuses(exchange, call_next):
        raise AssertionError("it was called")

    result = await run([made(refuses), made(passes, "two")], exchange(ASKED, skip=["one"]), OK)
    assert result.header == "one=skipped, two=stood-aside(nothing-to-do)"
    assert result.scope.ended == result.scope.started


def test_which_names_may_be_skipped():
    chain = Chain([made(passes, "a"), made(passes, "b"), made(passes, "guard", skippable=False)], OK, services().clock)
    assert chain.skips(" a, ,b,") == {"a", "b"}
    assert chain.skips("") == frozenset()
    with pytest.raises(BadRequest, match=r"not configured.*: a, b\.") as unknown:
        chain.skips("a, nothing")
    assert (unknown.value.status, unknown.value.param, unknown.value.code) == (
        400,
        "x-tailrace-skip",
        "unknown_plugin",
    )
    with pytest.raises(BadRequest, match="guard cannot be skipped"):
        chain.skips("guard")
    with pytest.raises(BadRequest, match="x-tailrace-skip: guard cannot be skipped"):
        chain.skips("a, guard")
    with pytest.raises(BadRequest, match="not configured"):
        chain.skips("guard, nothing")
    with pytest.raises(BadRequest, match="may be skipped: none"):
        Chain([], OK, services().clock).skips("a")


def test_a_refused_name_is_not_repeated():
    with pytest.raises(BadRequest) as caught:
        Chain([], OK, services().clock).skips("<script>")
    assert "script" not in caught.value.message


# Plugins that fail.


async def fails_before(exchange, call_next):
    exchange.acted("lies")
    raise KeyError("secret")


async def fails_after(exchange, call_next):
    await call_next(exchange.rewrite({"user": "x"}))
    raise KeyError("secret")


async def test_failing_before_the_rest_leaves_it_out(caplog):
    result = await run(made(fails_before), exchange(ASKED), OK)
    assert (result.status, result.header) == (200, "one=failed(KeyError)")
    assert len(result.upstream.got) == 1
    assert result.upstream.got[0].raw == result.exchange.raw
    assert "KeyError" in caplog.text
    assert "secret" not in caplog.text


async def test_failing_after_the_rest_keeps_the_answer():
    result = await run(made(fails_after), exchange(ASKED), OK)
    assert (result.status, result.header) == (200, "one=failed(KeyError)")
    assert len(result.upstream.got) == 1, "the provider is not asked twice"


@pytest.mark.parametrize(("handle", "asked"), [(fails_before, 0), (fails_after, 1)])
async def test_a_guard_that_fails_lets_nothing_through(handle, asked):
    result = await run(made(handle, fail_open=False), exchange({**ASKED, "stream": True}), events(*chat_text("a")))
    assert (result.status, result.error.code, result.header) == (503, "plugin_failed", "one=failed(KeyError)")
    assert "secret" not in result.error.message
    assert len(result.upstream.got) == asked
    assert result.upstream.all_closed, "the answer that nobody gets is let go of"


@pytest.mark.parametrize("fail_open", [True, False])
async def test_errors_from_below_pass(fail_open):
    error = StreamCut("away")
    result = await run(made(passes, fail_open=fail_open), exchange(ASKED), failing(error))
    assert result.error is error
    assert result.header == "one=stood-aside(error-below)"


async def test_a_defect_below_passes_too():
    error = KeyError("defect")
    result = await run(made(passes), exchange(ASKED), failing(error))
    assert result.error is error


async def test_failing_over_an_error_from_below_tells_that_error():
    async def handle(exchange, call_next):
        try:
            return await call_next(exchange)
        except TailraceError:
            raise KeyError("while it looked for something better") from None

    error = StreamCut("away")
    result = await run(made(handle), exchange(ASKED), failing(error))
    assert result.error is error
    assert result.header == "one=failed(KeyError)"
    assert len(result.upstream.got) == 1


async def test_something_better_than_an_error():
    async def handle(exchange, call_next):
        try:
            return await call_next(exchange)
        except TailraceError:
            exchange.acted("stale")
            return Reply(200, {}, b"{}", origin="one")

    result = await run(made(handle), exchange(ASKED), failing())
    assert (result.status, result.header) == (200, "one=stale")


@pytest.mark.parametrize("fail_open", [True, False])
async def test_a_refusal_is_what_the_plugin_is_for(fail_open):
    async def handle(exchange, call_next):
        raise TailraceError("slow down", status=429, code="rate_limit_exceeded")

    result = await run(made(handle, fail_open=fail_open), exchange(ASKED), OK)
    assert (result.status, result.upstream.got) == (429, [])
    assert result.action == "acted", "the span and the header say what it did"
    assert result.header == "one=refused(429)"


async def test_a_guard_that_refuses_an_answer_lets_go_of_it():
    async def handle(exchange, call_next):
        await call_next(exchange)
        raise TailraceError("not this one", status=403)

    asked = exchange({**ASKED, "stream": True})
    result = await run(made(handle, fail_open=False), asked, events(*chat_text("a")))
    assert result.status == 403
    assert result.upstream.all_closed


async def test_a_plugin_below_that_failed_is_not_the_one_aboves_failure():
    result = await run([made(passes, "top"), made(fails_before, "low")], exchange(ASKED), OK)
    assert result.header == "top=stood-aside(nothing-to-do), low=failed(KeyError)"


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
