import asyncio

import pytest

from tailrace.errors import BadRequest
from tailrace.plugin import Services
from tailrace.testing import ManualClock, exchange, failing, plugin, run, whole
from tailrace.wire.endpoints import EMBEDDINGS
from tailrace_plugins.limits.plugin import LimitsPlugin


def limited(clock=None, **settings):
    return plugin(LimitsPlugin, settings, services=Services(clock=clock or ManualClock()))


def asking(**payload):
    return exchange({"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}], **payload})


def answer(total=30):
    usage = {"prompt_tokens": total - 10, "completion_tokens": 10, "total_tokens": total}
    return {"choices": [{"message": {"role": "assistant", "content": "ok"}}], "usage": usage}


async def billed(upstream, asked):
    asked.trail.provider, asked.trail.model = "openai", "gpt-4o"
    return await whole(answer())(upstream, asked)


async def ask(made, *answers, clock=None, **payload):
    return await run(made, asking(**payload), *(answers or (whole(answer()),)), clock=clock)


async def test_without_a_limit_it_stands_aside():
    result = await ask(limited())
    assert (result.action, result.label) == ("stood-aside", "no-limit")
    assert not any(name.startswith("x-ratelimit") for name in result.reply.headers)


async def test_what_is_allowed_passes_and_says_what_is_left():
    result = await ask(limited(each_tenant={"requests_per_minute": 3}))
    assert (result.action, result.label) == ("acted", "passed")
    assert result.reply.headers["x-ratelimit-limit-requests"] == "3"
    assert result.reply.headers["x-ratelimit-remaining-requests"] == "2"
    assert result.reply.headers["x-ratelimit-reset-requests"] == "20s"


async def test_what_is_more_is_refused_before_anybody_is_asked():
    clock = ManualClock()
    made = limited(clock, each_tenant={"requests_per_minute": 2})
    for _ in range(2):
        assert (await ask(made, clock=clock)).error is None
    refused = await ask(made, clock=clock)
    error = refused.error
    assert (error.status, error.kind, error.code) == (429, "requests", "rate_limit_exceeded")
    assert "2 requests per minute for this key" in error.message and "30s" in error.message
    assert error.headers["retry-after"] == "30" and error.headers["retry-after-ms"] == "30000"
    assert error.headers["x-ratelimit-remaining-requests"] == "0"
    assert refused.upstream.got == [] and refused.facts["limited_by"] == "requests"
    clock.advance(30)
    assert (await ask(made, clock=clock)).error is None, "the client that waits as it was told gets it"


async def test_tokens_are_reserved_and_settled():
    clock = ManualClock()
    made = limited(clock, each_tenant={"tokens_per_minute": 1_000})
    first = await ask(made, billed, clock=clock, max_tokens=900)
    assert first.facts["used_tokens"] == 30 and first.facts["reserved_tokens"] > 900
    second = await ask(made, billed, clock=clock, max_tokens=900)
    assert second.error is None, "870 came back"
    assert int(second.reply.headers["x-ratelimit-remaining-tokens"]) < 100
    assert (await ask(made, clock=clock, max_tokens=999)).error.kind == "tokens"


async def test_an_answer_that_no_provider_made_costs_no_tokens():
    clock = ManualClock()
    made = limited(clock, each_tenant={"tokens_per_minute": 1_000, "requests_per_minute": 10})
    for _ in range(5):
        refused = await ask(made, failing(BadRequest("no")), clock=clock, max_tokens=900)
        assert refused.error.status == 400, "its own error, not a limit"
        assert refused.error.headers["x-ratelimit-limit-tokens"] == "1000"


async def test_places_are_free_again_whatever_happened():
    made = limited(each_tenant={"concurrency": 1})
    for answers in ([whole(answer())], [failing(BadRequest("no"))], [billed]):
        result = await ask(made, *answers)
        assert result.error is None or result.error.status == 400
        assert len(made._memory) == 0


async def test_two_at_once():
    made = limited(each_tenant={"concurrency": 1})
    go_on = asyncio.Event()

    async def waiting(upstream, asked):
        await go_on.wait()
        return await whole(answer())(upstream, asked)

    first = asyncio.create_task(ask(made, waiting))
    await asyncio.sleep(0)
    while not len(made._memory):
        await asyncio.sleep(0)
    second = await ask(made)
    assert (second.error.status, second.facts["limited_by"]) == (429, "concurrency")
    assert "1 requests at the same time" in second.error.message
    go_on.set()
    assert (await first).error is None
    assert (await ask(made)).error is None


@pytest.mark.parametrize(
    ("limits", "kind"),
    [
        ({"requests_per_minute": 0}, "requests"),
        ({"tokens_per_minute": 0}, "tokens"),
        ({"concurrency": 0}, "concurrency"),
    ],
)
async def test_nothing_is_allowed(limits, kind):
    result = await ask(limited(each_tenant=limits))
    assert (
        result.error.status == 429 and result.facts["limited_by"] == kind and "None are allowed" in result.error.message
    )


async def test_parallel_requests_never_go_over():
    clock = ManualClock()
    made = limited(clock, total={"requests_per_minute": 20})
    results = await asyncio.gather(*(ask(made, clock=clock) for _ in range(50)))
    assert sum(result.error is None for result in results) == 20


def test_it_cannot_be_left_out():
    assert not LimitsPlugin.skippable and not LimitsPlugin.fail_open


async def test_embeddings_have_no_answer_to_reserve_for():
    made = limited(each_tenant={"tokens_per_minute": 10_000})
    asked = exchange({"model": "e", "input": "x" * 400}, endpoint=EMBEDDINGS)
    result = await run(made, asked, whole({"data": []}))
    assert result.facts["reserved_tokens"] < 150
