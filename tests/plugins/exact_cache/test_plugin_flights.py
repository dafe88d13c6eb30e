"""Equal requests under way share one call."""

import asyncio
import re

import pytest
from cache_kit import chat_answer

from tailrace.cache.selector import Selector
from tailrace.errors import StreamCut, TailraceError
from tailrace.testing import chat_text, data, events, exchange, failing, hanging, run, virtual_time, whole

ASKED = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "temperature": 0}
USAGE = data({"id": "chatcmpl-1", "created": 1, "model": "m", "choices": [], "usage": chat_answer()["usage"]})
WHOLE, STREAM = {}, {"stream": True}
OPTED = {"stream": True, "stream_options": {"include_usage": True}}
EVERYTHING = Selector(everything=True)


def slow(form, text="one", after_s=1.0):
    """A provider that takes a second, in the form asked for."""
    if not form:
        return whole(chat_answer(text), after_s=after_s)
    frames = chat_text(*text)
    steps = [step for frame in frames[:-1] for step in (frame, 0.5)]
    return events(*steps, *([USAGE] if "stream_options" in form else []), frames[-1], after_s=after_s)


def begin(made, form, answer=None, *, at_s=0.0, tenant="tenant", headers=None, **more):
    """A request in a task of its own; its result can be awaited."""

    async def asking():
        await asyncio.sleep(at_s)
        request = exchange({**ASKED, **form}, tenant=tenant, headers=headers)
        return await run(made, request, answer or slow(form), **more)

    return asyncio.get_running_loop().create_task(asking())


def calls(results):
    return sum(len(result.upstream.got) for result in results)


def same(body):
    """The bytes without what each answer has anew."""
    return re.sub(rb'"id":"chatcmpl-[^"]*"|"created":\d+', b"", body)


def labels(results):
    return sorted(result.label for result in results)


@pytest.mark.parametrize("form", [WHOLE, STREAM, OPTED])
def test_a_hundred_equal_cold_requests_are_one_call(cache, form):
    @virtual_time
    async def hundred():
        made = await cache()
        results = await asyncio.gather(*(begin(made, form) for _ in range(100)))
        assert calls(results) == 1 and {result.text for result in results} == {"one"}
        assert labels(results) == ["miss"] + ["shared"] * 99
        assert not any(result.outcome.usage for result in results if result.label == "shared"), "one is billed"
        told = await made.statistics()
        assert (told["hits"], told["misses"], told["shared"], told["in_flight"]) == (99, 1, 99, 0)
        marks = [result.reply.headers["x-tailrace-cache"] for result in results]
        assert sorted(marks) == ["exact"] * 99 + ["miss"]

    hundred()


@pytest.mark.parametrize("first", [WHOLE, OPTED])
def test_in_mixed_forms_too(cache, first):
    @virtual_time
    async def hundred():
        made = await cache()
        forms = [first, *[WHOLE, STREAM, OPTED] * 33]
        results = await asyncio.gather(*(begin(made, form) for form in forms))
        assert calls(results) == 1 and {result.text for result in results} == {"one"}
        assert not any(result.broke or result.error for result in results)
        for form, result in zip(forms, results, strict=True):
            assert bool(result.answer.get("usage")) is (form != STREAM), "usage for who asked for it"
        assert len({result.answer["id"] for result in results}) == 100

    hundred()


@virtual_time
async def test_after_a_stream_without_usage_those_who_want_it_share_a_second_call(cache):
    made = await cache()
    forms = [STREAM, *[WHOLE, STREAM, OPTED] * 33]
    results = await asyncio.gather(*(begin(made, form) for form in forms))
    assert {result.text for result in results} == {"one"} and calls(results) <= 2


@virtual_time
async def test_followers_get_the_stream_from_its_start_as_it_comes(cache):
    made = await cache()
    leader, late = begin(made, STREAM), begin(made, STREAM, at_s=2.1)
    leader, late = await leader, await late
    assert same(late.body) == same(leader.body) and calls([late]) == 0
    assert late.answer["id"] != leader.answer["id"]
    assert late.times[0] < 0.1, "what has come already is there at once"
    assert late.times[-1] == pytest.approx(leader.times[-1] - 2.1, abs=0.01)


@virtual_time
async def test_nobody_is_billed_twice_for_a_shared_stream(cache):
    made = await cache()
    leader, follower = await asyncio.gather(begin(made, OPTED), begin(made, OPTED))
    assert "tailrace" not in leader.answer["usage"]
    assert follower.answer["usage"]["tailrace"] == {"cache": "exact", "billed": False}


@virtual_time
async def test_a_leader_that_leaves_does_not_end_the_stream_of_the_others(cache):
    made = await cache()
    leader = begin(made, STREAM, leaves_after_s=1.6)
    followers = [begin(made, STREAM, at_s=0.1) for _ in range(3)]
    left, others = await leader, await asyncio.gather(*followers)
    assert left.left and [result.text for result in others] == ["one"] * 3 and calls(others) == 0
    assert calls([await begin(made, STREAM)]) == 0, "and it was kept"


@virtual_time
async def test_all_leave(cache):
    made = await cache()
    results = await asyncio.gather(*(begin(made, STREAM, leaves_after_s=1.6) for _ in range(3)))
    await made.services.tasks.drain(1)
    assert all(result.left for result in results) and results[0].upstream.all_closed
    assert results[0].upstream.sources[0].closed
    assert calls([await begin(made, STREAM)]) == 1


@virtual_time
async def test_a_leader_cancelled_before_its_answer_hands_over(cache):
    made = await cache()
    leader = begin(made, WHOLE, hanging(), leaves_after_s=5)
    followers = [begin(made, WHOLE, at_s=0.1) for _ in range(10)]
    left, others = await leader, await asyncio.gather(*followers)
    assert left.left and left.upstream.cancelled == 1
    assert {result.text for result in others} == {"one"} and calls(others) == 1


@pytest.mark.parametrize("form", [WHOLE, STREAM])
def test_a_leader_that_fails_hands_over_and_fails_nobody(cache, form):
    @virtual_time
    async def fails():
        made = await cache()
        leader = begin(made, form, failing(TailraceError("away", status=503), after_s=1))
        others = await asyncio.gather(*(begin(made, form, at_s=0.1) for _ in range(10)))
        assert (await leader).status == 503
        assert {result.text for result in others} == {"one"} and calls(others) == 1

    fails()


@virtual_time
async def test_after_two_failed_leaders_everyone_asks_for_itself(cache):
    made = await cache()
    results = await asyncio.gather(*(begin(made, WHOLE, failing(after_s=1)) for _ in range(10)))
    assert calls(results) == 10 and {result.status for result in results} == {502}
    assert max(result.times[-1] if result.times else 0 for result in results) <= 4


@virtual_time
async def test_a_stream_that_breaks_off_is_told_to_everyone(cache):
    made = await cache()
    broken = events(*chat_text("on")[:2], 1.0, StreamCut("It broke off."), after_s=1)
    results = await asyncio.gather(*(begin(made, STREAM, broken) for _ in range(5)))
    assert calls(results) == 1 and all(isinstance(result.broke, StreamCut) for result in results)
    assert len({same(result.body) for result in results}) == 1 and b'"error"' in results[0].body
    assert calls([await begin(made, STREAM)]) == 1


@pytest.mark.parametrize("leaves", [True, False])
def test_who_waits_for_the_whole_of_a_stream_that_fails_is_handed_over_to(cache, leaves):
    @virtual_time
    async def fails():
        made = await cache()
        broken = events(*chat_text("on")[:2], 2.0, StreamCut("It broke off."), after_s=1)
        leader = begin(made, OPTED, broken, **({"leaves_after_s": 2.0} if leaves else {}))
        others = await asyncio.gather(*(begin(made, WHOLE, at_s=0.1) for _ in range(10)))
        await leader
        assert {result.text for result in others} == {"one"} and calls(others) == 1

    fails()


@virtual_time
async def test_waiting_has_an_end(cache):
    made = await cache(wait_s=10)
    leader = begin(made, WHOLE, slow(WHOLE, after_s=100))
    follower = await begin(made, WHOLE, slow(WHOLE, "two"), at_s=0.1)
    assert follower.text == "two" and follower.times[-1] == pytest.approx(11, abs=0.2)
    assert (await leader).text == "one"


@virtual_time
async def test_waiting_for_the_whole_of_a_stream_has_an_end_too(cache):
    made = await cache(wait_s=10)
    steps = [step for frame in chat_text(*"x" * 100)[:-1] for step in (frame, 1.0)]
    leader = begin(made, OPTED, events(*steps, USAGE, b"data: [DONE]\n\n"))
    follower = await begin(made, WHOLE, slow(WHOLE, "two"), at_s=0.1)
    assert follower.times[-1] < 20
    await leader


@virtual_time
async def test_a_follower_waits_longer_than_its_plugin_may_work(cache):
    made = await cache(deadline_s=0.5)
    leader = begin(made, WHOLE, slow(WHOLE, after_s=50))
    follower = await begin(made, WHOLE, slow(WHOLE, "two"), at_s=0.1)
    assert (follower.text, follower.action, calls([follower])) == ("one", "acted", 0)
    assert follower.scope.self_s < 0.5
    await leader


@pytest.mark.parametrize(
    "answer", [whole(chat_answer(finish="length"), after_s=1), whole({"error": {}}, status=429, after_s=1)]
)
def test_an_answer_that_is_not_to_be_kept_is_not_shared_either(cache, answer):
    @virtual_time
    async def alone():
        made = await cache()
        results = await asyncio.gather(*(begin(made, WHOLE, answer) for _ in range(5)))
        assert calls(results) == 5 and labels(results) == ["miss"] * 5
        assert {result.times[-1] for result in results} == {1.0, 2.0}, "they go at once, each alone"

    alone()


@virtual_time
async def test_who_refreshes_neither_waits_nor_is_waited_for(cache):
    made = await cache()
    leader = begin(made, WHOLE)
    anew = await begin(made, WHOLE, slow(WHOLE, "two"), at_s=0.1, headers={"cache-control": "no-cache"})
    assert anew.text == "two" and (await leader).text == "one"
    assert (await begin(made, WHOLE)).text == "two", "the last to come is kept"


@virtual_time
async def test_tenants_do_not_wait_for_each_other(cache):
    made = await cache()
    one, two = await asyncio.gather(begin(made, WHOLE), begin(made, WHOLE, slow(WHOLE, "two"), tenant="other"))
    assert (one.text, two.text, calls([one, two])) == ("one", "two", 2)


@virtual_time
async def test_without_single_flight_each_asks(cache):
    made = await cache(single_flight=False)
    results = await asyncio.gather(*(begin(made, WHOLE) for _ in range(5)))
    assert calls(results) == 5 and calls([await begin(made, WHOLE)]) == 0


@pytest.mark.parametrize("form", [WHOLE, OPTED])
def test_a_purge_while_a_leader_is_under_way(cache, form):
    @virtual_time
    async def purged():
        made = await cache()
        requests = [begin(made, form) for _ in range(3)]
        await asyncio.sleep(1.2 if form else 0.5)
        assert await made.purge(EVERYTHING) == 0
        results = await asyncio.gather(*requests)
        assert calls(results) == 1 and {result.text for result in results} == {"one"}
        assert [result.facts.get("not_stored") for result in results if result.label == "miss"] == ["purged"]
        assert calls([await begin(made, form)]) == 1

    purged()


@virtual_time
async def test_a_stream_too_large_to_share_goes_on_to_who_has_it(cache):
    made = await cache(max_answer_bytes=1000)
    long = chat_text(*["x" * 100] * 30)
    steps = [step for frame in long for step in (frame, 0.1)]
    leader = begin(made, STREAM, events(*steps))
    early, late = begin(made, STREAM, at_s=0.05), begin(made, STREAM, events(*steps), at_s=2.0)
    leader, early, late = await leader, await early, await late
    assert leader.text == early.text == late.text == "x" * 3000
    assert (calls([leader]), calls([early]), calls([late])) == (1, 0, 1)
