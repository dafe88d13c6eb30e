import pytest

from tailrace.errors import BadRequest, UpstreamError
from tailrace.testing import chat_text, events, exchange, failing, hanging, virtual_time, whole
from tailrace_plugins.router.cascade.run import wanted_of

TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}


def asked(result):
    return [one.payload["model"] for one in result.upstream.got]


def call(name="look", arguments="{}"):
    return {"tool_calls": [{"id": "c1", "type": "function", "function": {"name": name, "arguments": arguments}}]}


@virtual_time
async def test_a_good_answer_is_given_as_it_came(kit):
    answer = kit.body()
    result, told = await kit.ask({}, whole(answer))
    assert (result.answer, asked(result), told.accepted) == (answer, ["small"], True)
    assert (told.confidence, told.reasons, told.dropped, told.held_s) == (0.8, ("nothing-known",), None, 0)


@virtual_time
@pytest.mark.parametrize(
    ("answer", "asks", "reason"),
    [
        ({"text": "I'm sorry, but I can't help with that."}, {}, "refusal"),
        ({"text": None, "refusal": "No."}, {}, "refusal"),
        ({"text": "x", "finish": "content_filter"}, {}, "refusal"),
        ({"text": "I don't know."}, {}, "unsure"),
        ({"text": ""}, {}, "empty"),
        ({"text": "cut", "finish": "length"}, {}, "cut-short"),
        ({"logprobs": [0.5, 0.5, 0.6]}, {}, "unlikely"),
        ({"text": "{oops"}, {"response_format": {"type": "json_object"}}, "bad-json"),
        ({"text": None, "finish": "tool_calls", **call("fly")}, {"tools": [TOOL]}, "unknown-tool"),
        ({"text": None, "finish": "tool_calls", **call(arguments='{"a"')}, {"tools": [TOOL]}, "bad-arguments"),
        ({"text": "I would look."}, {"tools": [TOOL], "tool_choice": "required"}, "no-call"),
    ],
)
async def test_a_doubtful_answer_is_asked_again_of_the_strong_model(kit, answer, asks, reason):
    better = kit.body("Better.", model="big")
    result, told = await kit.ask(asks, whole(kit.body(**answer), after_s=2), whole(better))
    assert (result.answer, asked(result)) == (better, ["small", "big"])
    assert not told.accepted and reason in told.reasons and told.confidence < 0.7
    assert (told.dropped.input_tokens, told.dropped.output_tokens, told.dropped.estimated) == (100, 7, False)
    assert told.dropped_model == ("", "small") and told.held_s == 2
    assert [one.usage for one in result.outcome.dropped] == [told.dropped]


@virtual_time
@pytest.mark.parametrize(
    ("answer", "asks"),
    [
        ({"text": "cut", "finish": "length"}, {"max_tokens": 5}),
        ({"text": '{"a": 1}'}, {"response_format": {"type": "json_object"}}),
        ({"text": None, "finish": "tool_calls", **call()}, {"tools": [TOOL]}),
        ({"logprobs": [0.9, 0.99]}, {}),
    ],
)
async def test_what_the_client_asked_for_is_given(kit, answer, asks):
    result, told = await kit.ask(asks, whole(kit.body(**answer)))
    assert told.accepted and asked(result) == ["small"]


@virtual_time
async def test_the_client_does_not_see_the_logprobs_that_it_did_not_ask_for(kit):
    result, told = await kit.ask({}, whole(kit.body(logprobs=[0.99])))
    assert told.accepted and result.upstream.got[0].payload["logprobs"] is True
    assert result.answer["choices"][0]["logprobs"] is None
    seen, _ = await kit.ask({"logprobs": True}, whole(kit.body(logprobs=[0.99])))
    assert seen.answer["choices"][0]["logprobs"]["content"]


@virtual_time
async def test_a_cheap_model_that_fails_is_passed_over(kit):
    better = kit.body("Better.", model="big")
    result, told = await kit.ask({}, failing(UpstreamError("x"), after_s=3), whole(better))
    assert (result.answer, told.reasons, told.dropped, told.held_s) == (better, ("cheap-failed",), None, 3)


@virtual_time
async def test_nothing_of_a_dropped_answer_is_told_of_the_request(kit):
    error = UpstreamError("x", error_type="away")

    async def failed(upstream, exchange):
        exchange.trail.error_type = "away"
        raise error

    better = kit.body("Better.", model="big")
    result, _ = await kit.ask({}, failed, whole(better))
    assert result.outcome.error_type == "" and result.outcome.response_model == "big"
    result, _ = await kit.ask({"stream": True}, events(*chat_text("")), whole(better))
    assert result.outcome.response_model == "big" and result.outcome.usage.output_tokens == 7
    result, _ = await kit.ask({}, whole(kit.body("")), failed)
    assert result.error is error and result.outcome.usage is None and len(result.outcome.dropped) == 1


@virtual_time
async def test_errors_of_the_strong_model_are_the_clients(kit):
    error = BadRequest("y")
    result, told = await kit.ask({}, failing(UpstreamError("x")), failing(error))
    assert (result.error, told) == (error, None)
    result, _ = await kit.ask({}, whole(kit.body("")), failing(error))
    assert result.error is error


@virtual_time
async def test_a_doubted_answer_is_better_than_an_error(kit):
    cheap = kit.body("I don't know.")
    result, told = await kit.ask({}, whole(cheap), failing(UpstreamError("x", error_type="boom")))
    assert result.answer == cheap and told.accepted and told.reasons[-1] == "strong-failed" and told.dropped is None
    assert result.outcome.usage.output_tokens == 7 and not result.outcome.error_type and not result.outcome.dropped


@virtual_time
@pytest.mark.parametrize(
    "raw", [b"", b"nonsense", b"[]", b"null", b"{}", b'{"choices": 3}', b'{"error": {"message": "x"}}']
)
async def test_hostile_bodies_are_escalated(kit, raw):
    better = kit.body("Better.")
    result, told = await kit.ask({}, whole(raw), whole(better))
    assert result.answer == better and told.reasons == ("broken",)


@virtual_time
async def test_a_client_that_leaves_while_the_strong_model_is_asked(kit):
    result, told = await kit.ask({}, whole(kit.body("")), hanging(), leaves_after_s=5)
    assert result.left and told is None and result.upstream.cancelled == 1
    assert [one.model for one in result.outcome.dropped] == ["small"]


@virtual_time
async def test_samples_must_agree(kit):
    said, other = kit.body("It is 4."), kit.body("Nothing like that at all, five perhaps.")
    result, told = await kit.ask({}, whole(said), whole(said), whole(said), cascade={"samples": 2})
    assert told.accepted and told.confidence == 1 and told.dropped.input_tokens == 200
    assert [one.stream for one in result.upstream.got] == [False] * 3 and len(result.outcome.dropped) == 2
    result, told = await kit.ask({}, whole(said), whole(other), whole(other), whole(said), cascade={"samples": 2})
    assert not told.accepted and told.reasons == ("samples-differ",) and told.dropped.input_tokens == 300
    assert asked(result) == ["small", "small", "small", "big"]


@virtual_time
async def test_samples_are_not_waited_for_for_ever(kit):
    result, told = await kit.ask({}, whole(kit.body(), after_s=1), hanging(), cascade={"samples": 1, "hold_s": 2})
    assert told.accepted and told.held_s == 2 and result.upstream.cancelled == 1
    assert told.dropped.estimated and told.dropped.output_tokens == 0
    result, told = await kit.ask({}, whole(kit.body()), failing(), cascade={"samples": 1})
    assert told.accepted and told.reasons == ("nothing-known",)


@virtual_time
async def test_a_client_that_leaves_takes_the_samples_with_it(kit):
    plugin = kit.made(samples=2)
    result, told = await kit.ask({}, hanging(), plugin=plugin, leaves_after_s=5)
    assert result.left and told is None and result.upstream.cancelled == 3 and not len(plugin.services.tasks)


@virtual_time
async def test_a_defect_in_judging_lets_the_answer_through(kit, monkeypatch, caplog):
    monkeypatch.setattr("tailrace_plugins.router.cascade.run.judge", lambda *_, **__: 1 / 0)
    result, told = await kit.ask({"stream": True}, events(*chat_text("a", "b")))
    assert told.accepted and told.reasons == ("judge-failed",) and result.body == b"".join(chat_text("a", "b"))
    assert "ZeroDivisionError" in caplog.text


def test_what_is_wanted():
    schema = {"type": "object"}
    for name, holder in {
        "response_format": {"type": "json_schema", "json_schema": {"schema": schema}},
        "text": {"format": {"type": "json_schema", "schema": schema}},
        "output_config": {"format": {"type": "json_schema", "schema": schema}},
    }.items():
        asks = exchange({"model": "m", name: holder})
        assert wanted_of("chat", asks, asks, "json_schema", frozenset()).schema == schema
    asks = exchange({"model": "m", "max_tokens": 100})
    assert wanted_of("chat", asks, asks, "text", frozenset()).own_limit
    assert not wanted_of("chat", asks, asks.rewrite({"max_tokens": 50}), "text", frozenset()).own_limit
    assert not wanted_of("chat", asks.rewrite(remove=["max_tokens"]), asks, "text", frozenset()).own_limit
