"""The one loop: who is asked, how often, in which order, and what the client is told in the end."""

import asyncio
from dataclasses import replace

import orjson
import pytest

from tailrace.errors import TailraceError, UpstreamError, UpstreamTimeout
from tailrace.http.respond import error_response
from tailrace.testing import exchange
from tailrace.wire.endpoints import PASSTHROUGH, RESPONSES

GOOD = b'{"choices":[]}'
QUOTA = b'{"error":{"message":"m","type":"insufficient_quota","code":"insufficient_quota"}}'
TWO = {"m": {"targets": ["a/m", "b/m"]}}


def ask(payload=None, **more):
    return exchange({"model": "m", **(payload or {})}, **more)


def asked(*peers):
    return [len(one.got) for one in peers]


async def refusal(upstream, asking):
    with pytest.raises(TailraceError) as caught:
        await upstream(asking)
    return caught.value


def then(*answers):
    """A script whose connections share their answers, the last for ever."""
    left = list(answers)

    async def script(link):
        while True:
            await link.request()
            raw = left.pop(0) if len(left) > 1 else left[0]
            await link.send(raw)
            if not raw:
                return

    return script


@pytest.mark.parametrize("status", [429, 502, 503, 529])
async def test_a_busy_target_is_asked_once_more(peer, upstream, answer, status):
    first = await peer(then(answer(status, b"{}", "retry-after: 0"), answer(200, GOOD)))
    asking = ask()
    reply = await upstream({"a": first})(asking)
    assert reply.body == GOOD
    assert [(a.status, a.error_type) for a in asking.trail.attempts] == [(status, str(status)), (200, "")]


@pytest.mark.parametrize(
    ("raw", "expected", "status"),
    [
        # How often a, then b.
        ((503, b"{}", "retry-after: 0"), [2, 1], 200),
        ((429, b"{}", "retry-after: 60"), [1, 1], 200),
        ((500,), [1, 1], 200),
        ((504,), [1, 1], 200),
        ((200, b"<html>"), [1, 1], 200),
        ((200, b"[]"), [1, 1], 200),
        ((200, b""), [1, 1], 200),
        ((204, b""), [1, 1], 200),
        ((400,), [1, 0], 400),
        ((401,), [1, 0], 401),
        ((404,), [1, 0], 404),
        ((413,), [1, 0], 413),
        ((422,), [1, 0], 422),
        ((302, b"", "location: http://127.0.0.1:1/"), [1, 0], 502),
        ((429, QUOTA), [1, 0], 429),
    ],
    ids=lambda value: "-".join(map(str, value)) if isinstance(value, tuple) else "",
)
async def test_fallback(peer, upstream, answer, raw, expected, status):
    first, second = await peer(answer(*raw)), await peer(answer(200, GOOD))
    made = upstream({"a": first, "b": second}, models=TWO)
    if status == 200:
        assert (await made(ask())).body == GOOD
    else:
        assert (await refusal(made, ask())).status == status
    assert asked(first, second) == expected


async def test_nobody_there_is_always_repeated_elsewhere(peer, upstream, answer):
    second = await peer(answer(200, GOOD))
    made = upstream({"a": {"base_url": "http://127.0.0.1:1"}, "b": second}, models=TWO)
    asking = ask({"store": True}, endpoint=RESPONSES)
    assert (await made(asking)).status == 200
    assert [a.error_type for a in asking.trail.attempts] == ["connect", "connect", ""]


@pytest.mark.parametrize(
    ("payload", "headers", "count"),
    [
        ({}, {}, [2, 1]),
        ({"store": True}, {}, [1, 0]),
        ({"store": True}, {"idempotency-key": "k"}, [2, 1]),
        ({"previous_response_id": "r"}, {}, [1, 0]),
    ],
)
async def test_what_leaves_something_behind_is_not_repeated(peer, upstream, answer, payload, headers, count):
    first, second = await peer(answer(503, b"{}", "retry-after: 0")), await peer(answer(200, GOOD))
    made = upstream({"a": first, "b": second}, models=TWO)
    try:
        await made(ask(payload, headers=headers, endpoint=RESPONSES))
    except TailraceError as error:
        assert error.status == 503
    assert asked(first, second) == count


async def test_the_retry_budget_bounds_them_all(peer, upstream, answer):
    first = await peer(answer(503, b"{}", "retry-after: 0"))
    made = upstream({"a": first}, upstream={"retries": 5})
    made.budget.retrying = 3
    await refusal(made, ask())
    made.budget.retrying = 0
    assert asked(first) == [1]
    await refusal(made, ask())
    assert asked(first) == [7]


async def test_a_hung_target_leaves_time_for_the_next(peer, upstream, answer, until):
    async def hanging(link):
        await link.request()
        await link.closed()

    first, second = await peer(hanging), await peer(answer(200, GOOD))
    made = upstream({"a": first, "b": second}, models=TWO, upstream={"total_s": 0.4})
    asking = ask()
    assert (await made(asking)).status == 200
    assert asking.trail.attempts[0].error_type == "timeout"
    await until(lambda: not first.running, "the end of the hung connection")


@pytest.mark.parametrize("stream", [True, False])
async def test_the_last_one_gets_a_504(peer, upstream, stream):
    async def hanging(link):
        await link.request()
        await link.closed()

    made = upstream({"a": await peer(hanging)}, upstream={"total_s": 0.1, "first_event_s": 0.05})
    asking = ask({"stream": stream})
    error = await refusal(made, asking)
    assert isinstance(error, UpstreamTimeout)
    assert asking.trail.error_type == "timeout"


async def test_an_upload_has_its_deadline_too(peer, upstream):
    async def hanging(link):
        await link.closed()

    async def upload():
        yield b"x"

    made = upstream({"a": await peer(hanging)}, upstream={"total_s": 0.05})
    asking = replace(ask(endpoint=PASSTHROUGH), upload=upload(), raw=None)
    async with asyncio.timeout(1.0):
        with pytest.raises(UpstreamTimeout):
            await made(asking)


async def test_an_upload_is_never_sent_twice(peer, upstream, answer):
    async def upload():
        yield b"x"

    first = await peer(answer(503, b"{}", "retry-after: 0"))
    made = upstream({"a": first})
    asking = replace(ask(endpoint=PASSTHROUGH), upload=upload(), raw=None)
    assert (await refusal(made, asking)).status == 503
    assert asked(first) == [1]


# The breaker.


async def test_an_ejected_target_is_left_out(peer, upstream, answer):
    first, second = await peer(answer(500)), await peer(answer(200, GOOD))
    made = upstream({"a": first, "b": second}, models=TWO, upstream={"eject_after": 2})
    for _ in range(5):
        assert (await made(ask())).status == 200
    assert asked(first, second) == [2, 5]


@pytest.mark.parametrize("status", [400, 404, 429])
async def test_the_clients_mistakes_eject_nobody(peer, upstream, answer, status):
    first = await peer(answer(status, b"{}", "retry-after: 99"))
    made = upstream({"a": first}, models={"m": {"targets": ["a/m"]}}, upstream={"eject_after": 1})
    await refusal(made, ask())
    assert made.breaker.ejected() == []


async def test_a_client_that_leaves_ejects_nobody(peer, upstream, until):
    async def hanging(link):
        await link.request()
        await link.closed()

    first = await peer(hanging)
    made = upstream({"a": first}, upstream={"eject_after": 1})
    task = asyncio.create_task(made(ask()))
    await until(lambda: first.accepted == 1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert made.breaker.ejected() == []
    await until(lambda: not first.running, "the end of the connection")


async def test_our_own_limit_ejects_nobody(peer, upstream, until):
    async def hanging(link):
        await link.request()
        await link.closed()

    first = await peer(hanging)
    settings = {"base_url": f"http://127.0.0.1:{first.port}", "max_connections": 1}
    made = upstream({"a": settings}, upstream={"eject_after": 1, "connect_s": 0.02, "retries": 0})
    busy = asyncio.create_task(made(ask()))
    await until(lambda: first.accepted == 1)
    await refusal(made, ask())
    busy.cancel()
    await asyncio.wait([busy])
    assert made.breaker.ejected() == []


async def test_our_own_limit_says_nothing_good_either(peer, upstream, until):
    async def hanging(link):
        await link.request()
        await link.closed()

    first = await peer(hanging)
    settings = {"base_url": f"http://127.0.0.1:{first.port}", "max_connections": 1}
    made = upstream({"a": settings}, upstream={"eject_after": 2, "connect_s": 0.02, "retries": 0})
    target = made.targets.find("m", ask().endpoint)[0]
    made.breaker.failed(target)
    busy = asyncio.create_task(made(ask()))
    await until(lambda: first.accepted == 1)
    await refusal(made, ask())
    made.breaker.failed(target)
    busy.cancel()
    await asyncio.wait([busy])
    assert made.breaker.ejected() == ["a/m"]


# What the client is told.


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        ((503, b"{}", "retry-after: 0"), ["false"]),
        ((503, b"{}", "retry-after: 0", "x-should-retry: true"), ["false"]),
        ((400, b"{}", "x-should-retry: true"), ["true"]),
        ((429, b"{}", "retry-after: 99"), []),
        ((503, b"{}", "retry-after: 0", "X-Should-Retry: true"), ["false"]),
        pytest.param(
            (429, QUOTA),
            ["false"],
        ),
    ],
    ids=lambda value: "-".join(map(str, value)) if isinstance(value, tuple) else "",
)
async def test_whether_to_try_again(peer, upstream, answer, raw, told):
    made = upstream({"a": await peer(answer(*raw))})
    error = await refusal(made, ask())
    shown = error_response(error, anthropic=False, request_id="r")
    assert shown.headers.getall("x-should-retry", []) == told


async def test_a_refused_key_of_ours(peer, upstream, answer):
    first = await peer(answer(401, b'{"error":{"message":"bad key sk-...7890"}}'))
    made = upstream({"a": {"base_url": f"http://127.0.0.1:{first.port}", "api_key": "sk-ours-7890"}})
    error = await refusal(made, ask())
    assert (error.status, error.code, error.permanent) == (502, "upstream_auth", True)
    assert b"authorization: Bearer sk-ours-7890\r\n" in first.got[0].lower().replace(b"bearer", b"Bearer")


async def test_no_provider_for_the_endpoint(upstream):
    assert (await refusal(upstream({}), ask())).code == "no_provider"


async def test_unknown_models_reach_nobody(peer, upstream, answer):
    first = await peer(answer(200, GOOD))
    made = upstream({"a": first}, models=TWO | {"m": {"targets": ["a/m"]}})
    error = await refusal(made, exchange({"model": "other"}))
    assert (error.status, asked(first)) == (404, [0])


async def test_only_the_model_of_the_body_is_changed(peer, upstream, answer):
    first = await peer(answer(200, GOOD))
    made = upstream({"a": first}, models={"m": {"targets": ["a/real/name"]}, "same": {"targets": ["a/same"]}})
    await made(exchange(b'{"model": "m",   "x": [1.50], "api_base": "http://evil"}'))
    sent = orjson.loads(first.got[0].partition(b"\r\n\r\n")[2])
    assert sent == {"model": "real/name", "x": [1.5], "api_base": "http://evil"}
    raw = b'{ "model":"same", "n":1.0 }'
    await made(exchange(raw))
    assert first.got[1].endswith(b"\r\n\r\n" + raw), "the client's bytes were not kept"


async def test_every_failure_is_an_upstream_error_or_the_providers(peer, upstream):
    first = await peer(then(b""))
    error = await refusal(upstream({"a": first}), ask())
    assert isinstance(error, UpstreamError)
    assert (error.status, error.error_type, error.headers) == (502, "disconnect", {"x-should-retry": "false"})


async def test_asked_again_in_one_exchange_nothing_of_the_first_answer_is_left(peer, upstream, answer):
    """A plugin may drop an answer, or an error, and ask another model."""
    first, second = await peer(answer(400)), await peer(answer(200, GOOD))
    made = upstream({"a": first, "b": second}, models={"small": {"targets": ["a/x"]}, "big": {"targets": ["b/y"]}})
    asking = exchange({"model": "small"})
    await refusal(made, asking)
    trail = asking.trail
    began = trail.call_started
    assert (trail.error_type, trail.answer) == ("400", None)
    await made(asking.rewrite({"model": "big"}))
    assert (trail.error_type, trail.provider, trail.model) == ("", "b", "y")
    assert trail.call_started == began, "the time with providers begins with the first of them"
    assert [attempt.model for attempt in trail.attempts] == ["x", "y"]
