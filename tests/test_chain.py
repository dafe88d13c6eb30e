import pytest
from chain_kit import ASKED, OK, made, passes

from tailrace.chain import Chain, OrderProblem, order_problems
from tailrace.errors import BadRequest, StreamCut, TailraceError
from tailrace.exchange import Reply
from tailrace.plugin import Plugin
from tailrace.testing import (
    FakeUpstream,
    chat_text,
    events,
    exchange,
    failing,
    plugin,
    run,
    services,
)
from tailrace.wire.endpoints import CHAT, EMBEDDINGS, MODELS, EndpointKind

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
