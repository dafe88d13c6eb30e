import pytest

from tailrace.errors import BadRequest, UpstreamError
from tailrace.testing import chat_text, events, failing, hanging, virtual_time, whole
from tailrace.wire import jsonio

SHAPES = ("chat", "responses", "messages")
EACH = pytest.mark.parametrize("shape", SHAPES)


def key(shape):
    return "input" if shape == "responses" else "messages"


def billed(result):
    return [(one.model, one.usage.input_tokens, one.usage.output_tokens) for one in result.exchange.trail.dropped]


@EACH
@virtual_time
async def test_where_nothing_is_hidden_the_bytes_are_the_providers(kit, shape):
    for parts in (["Sure."], ["Let me.", ("expand_all", "{}")], ['It says "expand".']):
        raw = jsonio.dumps(kit.answer(shape, *parts)) + b" \n"
        result, plugin = await kit.ask(shape, whole(raw))
        assert result.body == raw and len(result.upstream.got) == 1 and plugin.kept == [] == billed(result)


@EACH
@virtual_time
async def test_a_hidden_call_is_answered_and_the_client_is_given_what_follows(kit, shape):
    first = kit.answer(shape, "Let me look.", ("expand", '{"id":"a"}'), thought="hm")
    raw = jsonio.dumps(kit.answer(shape, "It is 4.", number=2, spent=200)) + b"\n"
    result, plugin = await kit.ask(shape, whole(first), whole(raw))
    assert result.body == raw
    assert [call.arguments for call in plugin.calls] == ['{"id":"a"}'] and plugin.rounds == [1]
    asked, again = (one.payload[key(shape)] for one in result.upstream.got)
    assert again[: len(asked)] == asked and tuple(again[len(asked) :]) == plugin.kept[0].turns
    assert len(plugin.kept) == 1 and not plugin.kept[0].calls and not plugin.kept[0].shown
    assert billed(result) == [("", 100, 7)] and result.outcome.usage.input_tokens == 200
    assert "text of" in str(again[-1]) and "Let me look." in str(again) and "hm" in str(again)


@EACH
@virtual_time
async def test_of_a_mixed_answer_the_client_is_given_its_own_calls(kit, shape):
    for parts in ([("expand", "{}"), ("expand_all", '{"b":1}')], ["Now.", ("expand_all", '{"b":1}'), ("expand", "{}")]):
        result, plugin = await kit.ask(shape, whole(kit.answer(shape, *parts)))
        given = str(result.answer)
        assert "'expand'" not in given and "'expand_all'" in given and len(result.upstream.got) == 1
        assert ("tool_calls" if shape == "chat" else "tool_use" if shape == "messages" else "completed") in given
        (kept,) = plugin.kept
        assert kept.turns == () and len(kept.calls) == len(kept.results) == 1 and billed(result) == []
        assert "'expand'" in str(kept.calls) and "text of {}" in str(kept.results)


@EACH
@virtual_time
async def test_endless_calls_come_to_an_end(kit, shape):
    more = kit.answer(shape, "Once more.", ("expand", "{}"), ("expand", "{}"))
    result, plugin = await kit.ask(shape, whole(more), plugin_set={"most_rounds": 2})
    assert len(result.upstream.got) == 3 and plugin.rounds == [1, 2] and len(billed(result)) == 2
    assert "'expand'" not in str(result.answer) and result.text == "Once more."
    ended = {"chat": "stop", "messages": "end_turn", "responses": "completed"}[shape]
    assert f"'{ended}'" in str(result.answer) and "tool_use" not in str(result.answer)
    assert len(plugin.kept) == 1 and plugin.kept[0].calls == () and str(plugin.kept[0].turns).count("text of") == 4


@EACH
@virtual_time
async def test_a_call_that_was_cut_is_not_answered(kit, shape):
    ended = {"chat": "length", "responses": "incomplete", "messages": "max_tokens"}[shape]
    result, plugin = await kit.ask(shape, whole(kit.answer(shape, "Well.", ("expand", "{}"), ended=ended)))
    assert plugin.calls == [] and len(result.upstream.got) == 1 and not plugin.kept[0]
    assert f"'{ended}'" in str(result.answer) and "expand" not in str(result.answer)
    mixed = kit.answer(shape, ("expand", "{}"), ("expand_all", "{}"), ended=ended)
    result, plugin = await kit.ask(shape, whole(mixed))
    assert plugin.calls == [] and not plugin.kept[0] and "'expand'" not in str(result.answer)


@virtual_time
async def test_a_thought_that_nobody_kept_is_not_sent_back(kit):
    first = kit.answer("responses", ("expand", "{}"), ("expand_all", "{}"), thought="hm")
    first["output"].insert(0, first["output"][0] | {"encrypted_content": None})
    first["output"].append(first["output"][1])
    only = {**first, "output": first["output"][:3]}
    for store, thoughts in ((False, 1), (True, 2)):
        answers = [whole(only), whole(kit.answer("responses", "Yes."))]
        result, _ = await kit.ask("responses", *answers, payload={"store": store})
        assert str(result.upstream.got[1].payload["input"]).count("'reasoning'") == thoughts


@EACH
@virtual_time
async def test_tools_that_an_answer_brings_are_offered_from_then_on(kit, shape):
    more = ({"type": "function", "name": "fly"},)
    answers = [whole(kit.answer(shape, ("expand", "{}"))), whole(kit.answer(shape, "Yes."))]
    result, _ = await kit.ask(shape, *answers, plugin_set={"more": more})
    first, second = (one.payload["tools"] for one in result.upstream.got)
    assert second == [*first, *more] and len(first) == 2


@EACH
@virtual_time
async def test_a_later_round_that_fails_is_the_clients_error(kit, shape):
    error = UpstreamError("x")
    result, plugin = await kit.ask(shape, whole(kit.answer(shape, ("expand", "{}"))), failing(error))
    assert result.error is error and plugin.kept == [] and len(billed(result)) == 1
    result, _ = await kit.ask(shape, failing(error))
    assert result.error is error
    result, plugin = await kit.ask(shape, whole(kit.answer(shape, ("expand", "{}"))), hanging(), leaves_after_s=5)
    assert result.left and result.upstream.cancelled == 1 and plugin.kept == []


@virtual_time
async def test_a_responses_object_does_not_repeat_what_the_client_did_not_send(kit):
    body = kit.answer("responses", "Sure.", **kit.echo("responses"))
    result, plugin = await kit.ask("responses", whole(body))
    assert result.answer == {**body, "tools": body["tools"][:1]} and plugin.kept == []


@virtual_time
async def test_an_input_of_one_text_goes_on_as_a_message(kit):
    answers = [whole(kit.answer("responses", ("expand", "{}"))), whole(kit.answer("responses", "Yes."))]
    result, _ = await kit.ask("responses", *answers, payload={"input": "Why?"})
    said = result.upstream.got[1].payload["input"]
    assert said[0] == {"role": "user", "content": "Why?"} and len(said) == 3


@EACH
@virtual_time
async def test_what_is_remembered_never_costs_the_answer(kit, shape):
    answers = [whole(kit.answer(shape, ("expand", "{}"))), whole(kit.answer(shape, "Yes."))]
    result, plugin = await kit.ask(shape, *answers, plugin_set={"keep_fails": True})
    assert result.text == "Yes." and result.action == "acted" and len(result.upstream.got) == 2


@virtual_time
@pytest.mark.parametrize(
    "raw", [b"", b'"expand"', b'["expand"]', b'{"choices": "expand"}', b'{"choices": [], "x": "expand"}',
            b'{"choices":[{"message":{"tool_calls":"expand"}}]}', b'{"choices":[{"message":{"tool_calls":[3,"expand"]}}]}']
)  # fmt: skip
async def test_bodies_that_are_no_answer_pass(kit, raw):
    result, plugin = await kit.ask("chat", whole(raw))
    assert result.body == raw and plugin.kept == []


@virtual_time
async def test_arguments_that_are_no_json_are_answered_and_sent_back_as_none(kit):
    result, plugin = await kit.ask(
        "chat", whole(kit.answer("chat", ("expand", "{oops"))), whole(kit.answer("chat", "Yes."))
    )
    assert plugin.calls[0].arguments == "{oops"
    assert result.upstream.got[1].payload["messages"][1]["tool_calls"][0]["function"]["arguments"] == "{}"


@virtual_time
async def test_an_unbilled_answer_is_estimated(kit):
    first = kit.answer("chat", ("expand", "{}"))
    del first["usage"]
    result, _ = await kit.ask("chat", whole(first), whole(kit.answer("chat", "Yes.")))
    (dropped,) = result.exchange.trail.dropped
    assert dropped.usage.estimated and dropped.usage.input_tokens > 20


@virtual_time
async def test_a_whole_round_may_be_followed_by_a_stream(kit):
    result, plugin = await kit.ask(
        "chat", whole(kit.answer("chat", ("expand", "{}"))), events(*chat_text("Yes.")), payload={"stream": True}
    )
    assert result.body == b"".join(chat_text("Yes.")) and len(plugin.kept) == 1


@EACH
@virtual_time
async def test_a_round_that_is_refused_is_asked_once_more_with_less(kit, shape):
    first = kit.answer(shape, "Let me look.", ("expand", '{"id":"a"}'))
    last = kit.answer(shape, "It is 4.", number=2)
    refused = failing(BadRequest("context_length_exceeded"))
    result, plugin = await kit.ask(shape, whole(first), refused, whole(last))
    assert result.error is None and result.answer == last
    asked = [str(one.payload[key(shape)]) for one in result.upstream.got]
    assert "text of" in asked[1] and "text of" not in asked[2] and "Go on without it" in asked[2]
    assert plugin.kept[0].turns and "Go on without it" in str(plugin.kept[0].turns)
    result, plugin = await kit.ask(shape, whole(first), refused, refused)
    assert result.error is not None and not plugin.kept
