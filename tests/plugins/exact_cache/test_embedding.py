"""Embeddings, input by input."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis_kit import redis_server

from tailrace.clock import SystemClock
from tailrace.exchange import Reply
from tailrace.testing import exchange, failing, plugin, run, services, virtual_time, whole
from tailrace.wire import jsonio
from tailrace.wire.endpoints import EMBEDDINGS
from tailrace_plugins.exact_cache.plugin import ExactCachePlugin

MARK = {"cache": "exact", "billed": False}


def vector(one, spelled="float"):
    text = one if isinstance(one, str) else str(one)
    return f"base64:{text}" if spelled == "base64" else [len(text) / 7, *map(float, text.encode()[:3])]


def provider(*, model="m-1", usage=True, after_s=0.0, backwards=False):
    """Embeds what it is asked for."""

    async def answer(upstream, request):
        await asyncio.sleep(after_s)
        payload = request.payload
        inputs = payload["input"] if isinstance(payload["input"], list) else [payload["input"]]
        inputs = [inputs] if isinstance(inputs[0], int) else inputs
        spelled = payload.get("encoding_format", "float")
        rows = [
            {"object": "embedding", "index": index, "embedding": vector(one, spelled)}
            for index, one in enumerate(inputs)
        ]
        told = {"object": "list", "data": rows[::-1] if backwards else rows, "model": model}
        if usage:
            tokens = sum(len(one) for one in inputs)
            told["usage"] = {"prompt_tokens": tokens, "total_tokens": tokens}
        return Reply(200, {"content-type": "application/json"}, jsonio.dumps(told))

    return answer


async def ask(made, inputs, *answers, tenant="tenant", headers=None, **more):
    payload = {"model": "m", "input": inputs, **more}
    request = exchange(payload, endpoint=EMBEDDINGS, tenant=tenant, headers=headers)
    return await run(made, request, *(answers or (provider(),)))


def sent(result):
    return [request.payload["input"] for request in result.upstream.got]


def vectors(result):
    data = result.answer["data"]
    assert [row["index"] for row in data] == list(range(len(data)))
    return [row["embedding"] for row in data]


def mark(result):
    return result.reply.headers["x-tailrace-cache"]


@virtual_time
async def test_a_second_time_there_is_no_call(cache):
    made = await cache()
    first = await ask(made, ["one", "three"])
    assert sent(first) == [["one", "three"]] and mark(first) == "miss"
    assert first.upstream.got[0].body() is first.exchange.raw
    made.services.clock.advance(3)
    second = await ask(made, ["one", "three"])
    assert sent(second) == [] and (mark(second), second.reply.headers["age"], second.label) == ("exact", "3", "exact")
    assert second.answer["data"] == first.answer["data"] and second.answer["model"] == "m-1"
    assert second.answer["usage"] == {"prompt_tokens": 8, "total_tokens": 8, "tailrace": MARK}
    assert second.facts["cache.result"] == "exact" and second.facts["cache.saved_input_tokens"] == 8


@virtual_time
async def test_inputs_are_known_by_themselves(cache):
    made = await cache()
    await ask(made, ["one", "three"])
    for inputs in ("one", ["three"], ["three", "one"], ["one", "one", "three"]):
        again = await ask(made, inputs)
        wanted = [inputs] if isinstance(inputs, str) else inputs
        assert sent(again) == [] and vectors(again) == [vector(one) for one in wanted]


@virtual_time
async def test_only_the_rest_is_sent(cache):
    made = await cache()
    await ask(made, ["b", "dd"])
    made.services.clock.advance(4)
    part = await ask(made, ["a", "b", "ccc", "dd", "e"], provider(backwards=True))
    assert sent(part) == [["a", "ccc", "e"]] and vectors(part) == [vector(one) for one in ("a", "b", "ccc", "dd", "e")]
    assert (mark(part), part.reply.headers["age"]) == ("exact;inputs=2/5", "4")
    assert part.answer["usage"] == {
        "prompt_tokens": 5, "total_tokens": 5, "tailrace": {"cache": "exact", "cached_inputs": 2},
    }  # fmt: skip
    assert (part.header, part.facts["cache.result"]) == ("exact_cache=part(2/5)", "part")
    assert part.facts["cache.saved_input_tokens"] == 3
    assert sent(await ask(made, ["a", "b", "ccc", "dd", "e"])) == []


@virtual_time
async def test_duplicates_in_a_batch(cache):
    made = await cache()
    first = await ask(made, ["a", "b", "a"])
    assert vectors(first) == [vector("a"), vector("b"), vector("a")]
    part = await ask(made, ["c", "a", "c"])
    assert vectors(part) == [vector("c"), vector("a"), vector("c")] and sent(part) == [["c", "c"]]
    assert sent(await ask(made, ["c", "b", "a", "c"])) == []


@virtual_time
async def test_token_arrays(cache):
    made = await cache()
    assert vectors(await ask(made, [1, 2, 3])) == [vector([1, 2, 3])]
    part = await ask(made, [[1, 2], [1, 2, 3]])
    assert sent(part) == [[[1, 2]]] and vectors(part) == [vector([1, 2]), vector([1, 2, 3])]
    assert sent(await ask(made, [1, 2])) == []
    assert sent(await ask(made, "[1,2]")) != []


@virtual_time
async def test_the_form_of_the_vectors_is_part_of_the_question(cache):
    made = await cache()
    await ask(made, "a")
    coded = await ask(made, "a", encoding_format="base64")
    assert vectors(coded) == ["base64:a"] and len(sent(coded)) == 1
    assert vectors(await ask(made, ["a"], encoding_format="base64")) == ["base64:a"]
    for other in ({"dimensions": 256}, {"user": "u"}, {"model": "other"}):
        assert len(sent(await ask(made, "a", **other))) == 1
    assert len(sent(await ask(made, "a", tenant="other"))) == 1


@virtual_time
async def test_vectors_of_two_models_never_stand_in_one_answer(cache):
    made = await cache()
    await ask(made, ["a", "b"])
    changed = await ask(made, ["a", "c"], provider(model="m-2"))
    assert sent(changed) == [["c"], ["a", "c"]] and changed.answer["model"] == "m-2"
    assert (mark(changed), changed.facts["not_stored"]) == ("miss", "unknown-form")
    assert sent(await ask(made, ["c"])) == [["c"]], "nothing of it was kept"


MALFORMED = [
    whole({"object": "list", "data": [], "model": "m-1"}),
    whole({"data": [{"index": 0, "embedding": [1.0]}, {"index": 0, "embedding": [2.0]}]}),
    whole({"data": [{"index": 5, "embedding": [1.0]}]}),
    whole({"data": [{"index": 0, "embedding": []}]}),
    whole({"error": {"message": "x"}}),
    whole(b"<html>"),
    whole(b""),
]


@virtual_time
async def test_a_refusal_of_the_rest_is_not_asked_again_as_a_whole(cache):
    made = await cache()
    await ask(made, ["a"])
    part = await ask(made, ["a", "c"], whole({"error": {"message": "x"}}, status=429))
    assert part.status == 429 and sent(part) == [["c"]]


@pytest.mark.parametrize("answer", MALFORMED)
def test_a_malformed_answer_goes_on_and_is_not_kept(cache, answer):
    @virtual_time
    async def malformed():
        made = await cache()
        first = await ask(made, ["c"], answer)
        assert first.body == (await answer(first.upstream, first.exchange)).body and mark(first) == "miss"
        assert "not_stored" in first.facts
        await ask(made, ["a"])
        part = await ask(made, ["a", "c"], answer, provider())
        assert sent(part) == [["c"], ["a", "c"]] and vectors(part) == [vector("a"), vector("c")]
        assert (await made.statistics())["entries"] == 1

    malformed()


@virtual_time
async def test_a_failure_of_the_rest_is_the_requests(cache):
    made = await cache()
    await ask(made, ["a"])
    failed = await ask(made, ["a", "b"], failing())
    assert failed.status == 502 and len(sent(failed)) == 1
    assert (await made.statistics())["in_flight"] == 0


@virtual_time
async def test_tokens_are_shared_out_by_length(cache):
    made = await cache()
    await ask(made, ["a", "bbbbbbbbb"])
    assert (await ask(made, ["a"])).answer["usage"]["prompt_tokens"] == 1
    assert (await ask(made, ["bbbbbbbbb"])).answer["usage"]["prompt_tokens"] == 9


@virtual_time
async def test_a_provider_that_reports_no_usage(cache):
    made = await cache()
    await ask(made, ["a"], provider(usage=False))
    assert sent(await ask(made, ["a"], provider(usage=False))) == []


@virtual_time
async def test_max_age_and_refreshing(cache):
    made = await cache()
    await ask(made, ["a"])
    made.services.clock.advance(20)
    await ask(made, ["b"])
    part = await ask(made, ["a", "b"], headers={"cache-control": "max-age=10"})
    assert sent(part) == [["a"]]
    assert sent(await ask(made, ["a", "b"], headers={"cache-control": "no-cache"})) == [["a", "b"]]


@virtual_time
async def test_a_hundred_equal_cold_requests_are_one_call(cache):
    made = await cache()
    results = await asyncio.gather(*(ask(made, ["a", "b"], provider(after_s=1)) for _ in range(100)))
    assert sum(len(sent(result)) for result in results) == 1
    assert all(vectors(result) == [vector("a"), vector("b")] for result in results)
    assert (await made.statistics())["in_flight"] == 0


# In real time: a virtual clock runs ahead of a thread.
async def test_two_thousand_inputs(cache):
    made = await cache()
    inputs = [f"text number {number}" for number in range(2048)]
    first = await ask(made, inputs[::2])
    part = await ask(made, inputs)
    assert sent(part) == [inputs[1::2]] and vectors(part) == [vector(one) for one in inputs]
    assert mark(part) == "exact;inputs=1024/2048"
    again = await ask(made, inputs[::-1])
    assert sent(again) == [] and vectors(again) == [vector(one) for one in inputs[::-1]]
    assert first.answer["usage"]["prompt_tokens"] + part.answer["usage"]["prompt_tokens"] == sum(map(len, inputs))
    assert again.answer["usage"]["prompt_tokens"] == sum(map(len, inputs))


@given(st.lists(st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=6), min_size=1, max_size=8))
def test_whatever_was_asked_before(batches):
    @virtual_time
    async def asked():
        made = plugin(ExactCachePlugin, {"disk": False}, services=services())
        await made.start()
        known = set()
        for batch in batches:
            result = await ask(made, batch)
            assert vectors(result) == [vector(one) for one in batch]
            missing = [one for one in batch if one not in known]
            assert sent(result) == ([missing] if missing else [])
            known |= set(batch)

    asked()


# In real time: Redis is a real one.
async def test_equal_cold_requests_with_a_redis(cache, tmp_path):
    with redis_server() as server:
        lent = services(clock=SystemClock(), data_dir=tmp_path)
        made = await cache(lent=lent, redis=server.url)
        results = await asyncio.gather(*(ask(made, ["a", "b"], provider(after_s=0.3)) for _ in range(20)))
        assert all(vectors(result) == [vector("a"), vector("b")] for result in results)
        await made.stop()
    assert sum(len(sent(result)) for result in results) <= 2


@virtual_time
async def test_a_usage_that_is_none_does_not_spoil_the_answer(cache):
    made = await cache()
    await ask(made, ["a"])
    part = await ask(made, ["a", "b"], provider(usage="free"))
    assert part.status == 200 and len(part.answer["data"]) == 2
