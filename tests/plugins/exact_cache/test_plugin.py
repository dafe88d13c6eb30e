from dataclasses import replace

import pytest
from cache_kit import ANSWERS, ENDPOINTS, chat_answer, tool_call
from multidict import CIMultiDict

from tailrace.errors import NotFound
from tailrace.testing import chat_chunk, chat_text, data, events, exchange, plugin, run, services, virtual_time, whole
from tailrace.wire.endpoints import CHAT
from tailrace_plugins.exact_cache.plugin import ExactCachePlugin

ASKED = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "temperature": 0}
ANSWER = whole(chat_answer("one"))
OTHER = whole(chat_answer("two"))


async def ask(made, answer=OTHER, payload=ASKED, *, endpoint=CHAT, headers=None, tenant="tenant", skip=(), **more):
    request = exchange({**payload, **more}, endpoint=endpoint, headers=headers, tenant=tenant, skip=skip)
    return await run(made, request, answer)


def calls(result):
    return len(result.upstream.got)


def mark(result):
    return result.reply.headers["x-tailrace-cache"]


@virtual_time
async def test_a_second_time_there_is_no_call(cache):
    made = await cache()
    first = await ask(made, ANSWER)
    assert (first.text, calls(first), mark(first), first.header) == ("one", 1, "miss", "exact_cache=miss")
    assert first.upstream.got[0].body() is first.exchange.raw, "the client's own bytes go on"
    assert first.facts == {"cache.result": "miss"} and "age" not in first.reply.headers
    made.services.clock.advance(5)
    second = await ask(made)
    assert (second.text, calls(second), mark(second), second.header) == ("one", 0, "exact", "exact_cache=exact")
    assert (second.reply.headers["age"], second.reply.origin) == ("5", "exact_cache")
    assert first.outcome.usage.total_tokens == 15 and second.outcome.usage is None, "nobody is billed for a hit"
    expected = {"result": "exact", "saved_input_tokens": 10, "saved_output_tokens": 5, "saved_s": 0.0, "age_s": 5}
    assert second.facts == {f"cache.{name}": value for name, value in expected.items()}


FORMS = [{}, {"stream": True}, {"stream": True, "stream_options": {"include_usage": True}}]


@pytest.mark.parametrize("again", FORMS)
@pytest.mark.parametrize("first", [FORMS[0], FORMS[2]])
def test_one_identity_for_all_forms(cache, first, again):
    @virtual_time
    async def twice():
        made = await cache()
        usage = {"id": "chatcmpl-1", "created": 1, "model": "m", "choices": [], "usage": chat_answer()["usage"]}
        answer = events(*chat_text("o", "ne")[:-1], data(usage), b"data: [DONE]\n\n") if first else ANSWER
        await ask(made, answer, **first)
        second = await ask(made, **again)
        assert (second.text, calls(second)) == ("one", 0)
        reports = not again or "stream_options" in again
        assert (second.answer.get("usage") or {}).get("total_tokens") == (15 if reports else None)

    twice()


@virtual_time
async def test_a_stream_without_usage_does_not_serve_who_wants_it(cache):
    made = await cache()
    await ask(made, events(*chat_text("one")), stream=True)
    assert calls(await ask(made, events(*chat_text("two")), stream=True)) == 0
    whole_one = await ask(made)
    assert (whole_one.text, calls(whole_one)) == ("two", 1)
    assert (await ask(made, stream=True)).text == "two", "the fuller answer took its place"


@pytest.mark.parametrize("shape", ["completions", "responses", "messages"])
def test_other_endpoints(cache, shape):
    @virtual_time
    async def twice():
        made, payload = await cache(), {"model": "m", "temperature": 0, "store": False}
        for stream in (False, True):
            results = [
                await ask(made, whole(ANSWERS[shape](text)), payload, endpoint=ENDPOINTS[shape], stream=stream)
                for text in ("one", "two")
            ]
            assert [result.text for result in results] == ["one", "one"] and calls(results[1]) == 0

    twice()


@virtual_time
async def test_tool_calls(cache):
    made = await cache()
    answer = chat_answer(None, finish="tool_calls", tool_calls=[tool_call()])
    await ask(made, whole(answer), tools=[{"type": "function", "function": {"name": "get_weather"}}])
    for stream in (False, True):
        second = await ask(made, tools=[{"type": "function", "function": {"name": "get_weather"}}], stream=stream)
        assert calls(second) == 0 and second.answer["choices"][0]["message"]["tool_calls"] == [tool_call()]


@pytest.mark.parametrize(
    ("more", "headers", "endpoint", "reason"),
    [
        ({"temperature": 0.5}, {}, "chat", "not-deterministic"),
        ({"temperature": None}, {}, "chat", "not-deterministic"),
        ({}, {"cache-control": "no-store"}, "chat", "no-store"),
        ({}, {"x-tailrace-no-store": "1"}, "chat", "no-store"),
        ({}, {"cache-control": "max-age=5", "x-tailrace-no-store": "1"}, "chat", "no-store"),
        ({"store": True}, {}, "chat", "stateful"),
        ({}, {}, "responses", "stateful"),
        ({"store": False, "previous_response_id": "r"}, {}, "responses", "stateful"),
        ({"web_search_options": {}}, {}, "chat", "server-tools"),
        ({"store": False, "tools": [{"type": "file_search"}]}, {}, "responses", "server-tools"),
        ({"input": ["a", 1]}, {}, "embeddings", "not-understood"),
        ({"input": []}, {}, "embeddings", "not-understood"),
    ],
)
def test_it_stands_aside(cache, more, headers, endpoint, reason):
    @virtual_time
    async def twice():
        made = await cache()
        for _ in range(2):
            result = await ask(made, headers=headers, endpoint=ENDPOINTS[endpoint], **more)
            assert (calls(result), mark(result)) == (1, "bypass")
            assert result.header == f"exact_cache=stood-aside({reason})"
            assert result.facts == {"cache.result": "bypass"}
            assert result.upstream.got[0].body() is result.exchange.raw
        told = await made.statistics()
        assert told["bypasses"] == {reason: 2} and told["hits"] == told["misses"] == told["entries"] == 0

    twice()


@virtual_time
async def test_no_store_on_a_second_line(cache):
    made = await cache()
    headers = CIMultiDict([("cache-control", "max-age=60"), ("cache-control", "no-store")])
    assert (await ask(made, headers=headers)).header == "exact_cache=stood-aside(no-store)"


@virtual_time
async def test_a_model_that_goes_nowhere(tmp_path):
    def route(request):
        raise NotFound("no such model")

    made = plugin(ExactCachePlugin, {"disk": False}, services=replace(services(data_dir=tmp_path), route=route))
    await made.start()
    assert (await ask(made)).header == "exact_cache=stood-aside(no-route)"


@virtual_time
async def test_another_target_is_another_answer(tmp_path):
    where = ["a"]
    lent = replace(services(data_dir=tmp_path), route=lambda request: where[0])
    made = plugin(ExactCachePlugin, {"disk": False}, services=lent)
    await made.start()
    await ask(made, ANSWER)
    where[0] = "b"
    assert calls(await ask(made)) == 1
    where[0] = "a"
    assert (await ask(made)).text == "one"


@virtual_time
async def test_when_all(cache):
    made = await cache(when="all")
    await ask(made, ANSWER, temperature=0.9)
    assert (await ask(made, temperature=0.9)).text == "one"


@virtual_time
async def test_no_cache_asks_anew_and_keeps_what_comes(cache):
    made = await cache()
    await ask(made, ANSWER)
    again = await ask(made, headers={"cache-control": "no-cache"})
    assert (again.text, calls(again), mark(again)) == ("two", 1, "miss")
    assert (await ask(made)).text == "two"


@virtual_time
async def test_max_age(cache):
    made = await cache()
    await ask(made, ANSWER)
    made.services.clock.advance(10.5)
    assert calls(await ask(made, headers={"cache-control": "max-age=10"})) == 0
    made.services.clock.advance(1)
    younger = await ask(made, headers={"cache-control": "max-age=10"})
    assert (younger.text, calls(younger)) == ("two", 1)
    assert (await ask(made, headers={"cache-control": "max-age=0"})).text == "two"


@virtual_time
async def test_tags_that_cannot_be_kept_are_the_clients_mistake(cache):
    made = await cache()
    for header in ("x" * 65, ",".join(map(str, range(17)))):
        result = await ask(made, headers={"x-tailrace-cache-tags": header})
        assert (result.status, result.error.code, calls(result)) == (400, "bad_cache_tags", 0)


@virtual_time
async def test_how_long(cache):
    made = await cache(ttl=60, ttl_by_model={"long-*": 600}, ttl_by_endpoint={"completions": 30})
    for model in ("m", "long-m"):
        await ask(made, ANSWER, model=model)
    await ask(made, whole(ANSWERS["completions"]("one")), endpoint=ENDPOINTS["completions"])
    made.services.clock.advance(29.9)
    assert calls(await ask(made, endpoint=ENDPOINTS["completions"])) == 0
    made.services.clock.advance(0.2)
    assert calls(await ask(made, endpoint=ENDPOINTS["completions"])) == 1
    made.services.clock.advance(29.8)
    assert calls(await ask(made)) == 0
    made.services.clock.advance(0.2)
    assert calls(await ask(made)) == 1 and calls(await ask(made, model="long-m")) == 0


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (whole(chat_answer(finish="length")), "incomplete"),
        (whole(chat_answer(finish="content_filter")), "incomplete"),
        (whole(chat_answer(None, refusal="No.")), "refusal"),
        (whole({"choices": []}), "empty"),
        (whole({"error": {"message": "x"}}), "error"),
        (whole(b"<html>"), "not-json"),
        (whole(chat_answer(), status=202), "status"),
        (whole({"error": {"message": "x"}}, status=429), "status"),
        (whole(chat_answer(), origin="other_cache"), "not-from-upstream"),
        (events(*chat_text("x"), origin="other_cache"), "not-from-upstream"),
        (events(chat_chunk("x"), chat_chunk(finish="length"), b"data: [DONE]\n\n"), "incomplete"),
        (events(chat_chunk("x"), b'data: {"error": {"message": "x"}}\n\n'), "error"),
        (events(chat_chunk("x")), "incomplete"),
    ],
)
def test_what_is_not_kept(cache, answer, why):
    @virtual_time
    async def twice():
        made = await cache()
        first = await ask(made, answer, stream=True)
        assert mark(first) == "miss" and first.facts["not_stored"] == why
        assert calls(await ask(made, stream=True)) == 1
        assert (await made.statistics())["not_stored"] == {why: 1}

    twice()


@pytest.mark.parametrize("answer", [ANSWER, events(*chat_text("one"))])
def test_the_answer_of_a_fallback_is_not_the_models(cache, answer):
    async def fell_back(upstream, request):
        request.trail.fell_back = True
        return await answer(upstream, request)

    @virtual_time
    async def twice():
        made = await cache()
        assert (await ask(made, fell_back, stream=True)).facts["not_stored"] == "fallback"
        assert calls(await ask(made, stream=True)) == 1

    twice()


@virtual_time
async def test_a_client_that_leaves_keeps_nothing(cache):
    made = await cache()
    request = exchange({**ASKED, "stream": True})
    left = await run(made, request, events(*chat_text("a", "b")[:2], 100.0, *chat_text("a", "b")[2:]), leaves_after_s=5)
    assert left.left and left.upstream.all_closed
    await made.services.tasks.drain(1)
    assert calls(await ask(made, stream=True)) == 1 and left.facts["not_stored"] == "incomplete"


@virtual_time
async def test_what_is_too_large(cache):
    made = await cache(max_answer_bytes=2000)
    assert (await ask(made, whole(chat_answer("x" * 2000)))).facts["not_stored"] == "too-large"
    streamed = await ask(made, events(*chat_text(*["x" * 300] * 10)), stream=True)
    assert streamed.text == "x" * 3000 and "not_stored" in streamed.facts
    assert calls(await ask(made)) == 1


@virtual_time
async def test_what_a_client_leaves_out_is_part_of_its_question(cache):
    made = await cache()
    await ask(made, ANSWER, skip={"limits"})
    assert calls(await ask(made)) == 1
    skipped = await ask(made, skip={"exact_cache"})
    assert (calls(skipped), skipped.header) == (
        1,
        "exact_cache=skipped",
    ) and "x-tailrace-cache" not in skipped.reply.headers
    assert (await ask(made, skip={"limits"})).text == "one"


@virtual_time
async def test_ten_thousand_tries_find_nothing_foreign(cache):
    made = await cache()
    tenants = ("alice", "bob")
    foreign = 0
    for number in range(5000):
        for tenant in tenants:
            payload = {"model": "m", "messages": [{"role": "user", "content": f"q{number % 2500}"}], "seed": 1}
            result = await ask(made, whole(chat_answer(tenant)), payload, tenant=tenant)
            foreign += result.text != tenant
            assert calls(result) == (number < 2500)
    assert foreign == 0
    assert (await made.statistics())["hits"] == 5000


# In real time: a virtual clock runs ahead of a thread.
async def test_a_large_request_is_hashed_elsewhere_and_found_again(cache):
    made = await cache()
    large = [{"role": "user", "content": "x" * 400_000}]
    await ask(made, ANSWER, messages=large)
    assert (await ask(made, messages=large)).text == "one"
    assert calls(await ask(made, messages=[{"role": "user", "content": "x" * 399_999 + "y"}])) == 1
