import asyncio

import pytest

from tailrace.errors import StreamCut, TailraceError, UpstreamError
from tailrace.testing import chat_text, events, failing, hanging, virtual_time, whole
from tailrace_plugins.compress.hidden.stream.chat import ChatScreen
from tailrace_plugins.compress.hidden.stream.messages import MessagesScreen
from tailrace_plugins.compress.hidden.stream.responses import ResponsesScreen

SHAPES = ("chat", "responses", "messages")
EACH = pytest.mark.parametrize("shape", SHAPES)
STREAM = {"stream": True}


def billed(result):
    return [(one.usage.input_tokens, one.usage.output_tokens) for one in result.exchange.trail.dropped]


def kinds(result):
    return [event.json.get("type") for event in result.events if event.json]


def rounds(kit, shape, *bodies):
    return [events(*kit.frames(shape, body)) for body in bodies]


@EACH
@virtual_time
async def test_where_nothing_is_hidden_the_pieces_are_the_providers(kit, shape):
    for parts in (["Sure, ", "why not."], ["Let me.", ("expand_all", '{"a": "expand"}')], ['It says "expand".']):
        frames = kit.frames(shape, kit.answer(shape, *parts, thought="hm"))
        if shape == "responses":
            pieces = frames
        else:
            pieces = [frames[0], b"".join(frames[1:4]), b": ping\n\n", *frames[4:6], b"".join(frames[6:])]
        result, plugin = await kit.ask(shape, events(*pieces), payload=STREAM)
        assert result.body == b"".join(pieces) and len(result.upstream.got) == 1 and plugin.kept == []
        assert result.upstream.all_closed and result.exchange.trail.watch.done and not result.exchange.trail.dropped
        if parts[0] == "Sure, " and shape != "responses":
            assert result.pieces == pieces


@EACH
@virtual_time
async def test_a_hidden_round_goes_on_in_the_same_stream(kit, shape):
    first = kit.answer(shape, "Let me look.", ("expand", '{"id":"a"}'), thought="hm", **kit.echo(shape))
    second = kit.answer(shape, "It is 4.", number=2, spent=200, **kit.echo(shape))
    result, plugin = await kit.ask(shape, *rounds(kit, shape, first, second), payload=STREAM)
    body = result.body.decode()
    assert '"expand"' not in body and plugin.calls[0].arguments == '{"id":"a"}' and plugin.rounds == [1]
    assert billed(result) == [(100, 7)] and result.outcome.usage.input_tokens == 200
    (kept,) = plugin.kept
    assert kept.shown and not kept.calls and "hm" in str(kept.turns)
    key = "input" if shape == "responses" else "messages"
    assert tuple(result.upstream.got[1].payload[key][1:]) == kept.turns
    answer = result.answer
    assert answer["usage"] == second["usage"] and answer["id"] == first["id"] and result.upstream.all_closed
    if shape == "chat":
        assert result.text == "Let me look.\n\nIt is 4." and body.count('"role"') == 1 and body.count("[DONE]") == 1
        assert body.count('"finish_reason":"stop"') == 1 and "tool_calls" not in body
        assert {(one.json["id"], one.json["created"]) for one in result.events[:-1]} == {("chatcmpl-1", 1)}
    elif shape == "messages":
        assert [block["type"] for block in answer["content"]] == ["thinking", "text", "text"]
        assert kinds(result).count("message_start") == kinds(result).count("message_stop") == 1
        assert answer["stop_reason"] == "end_turn"
    else:
        assert [item["id"] for item in answer["output"]] == ["rs_1", "msg_10", "msg_20"]
        assert [one.json["sequence_number"] for one in result.events] == list(range(len(result.events)))
        assert kinds(result).count("response.created") == kinds(result).count("response.completed") == 1
        assert answer["tools"] == first["tools"][:1] == result.events[0].json["response"]["tools"]


@virtual_time
async def test_a_thought_that_led_to_a_hidden_call_never_ends_for_the_client(kit):
    first = kit.answer("responses", ("expand", "{}"), thought="hm")
    second = kit.answer("responses", "It is 4.", number=2, thought="ha")
    result, plugin = await kit.ask("responses", *rounds(kit, "responses", first, second), payload=STREAM)
    done = [one.json["item"]["id"] for one in result.events if one.json["type"] == "response.output_item.done"]
    assert done == ["rs_2", "msg_20"] == [item["id"] for item in result.answer["output"]]
    added = [
        (one.json["output_index"], one.json["item"]["id"])
        for one in result.events
        if one.json["type"] == "response.output_item.added"
    ]
    assert added == [(0, "rs_1"), (1, "rs_2"), (2, "msg_20")]
    assert plugin.kept[0].turns[0]["encrypted_content"] == "hm"


@EACH
@virtual_time
async def test_of_a_mixed_answer_only_the_hidden_call_is_taken_out(kit, shape):
    for parts in (
        ["So.", ("expand", "{}"), ("expand_all", '{"b":1}')],
        ["So.", ("expand_all", '{"b":1}'), ("expand", '{"c":2}')],
        [("expand", "{}"), ("expand_all", '{"b":1}'), ("expand", "{}"), ("expand_all", "{}")],
    ):
        body = kit.answer(shape, *parts, thought="hm")
        result, plugin = await kit.ask(shape, *rounds(kit, shape, body), payload=STREAM)
        seen = result.body.decode()
        assert '"expand"' not in seen and "expand_all" in seen and len(result.upstream.got) == 1 and not billed(result)
        (kept,) = plugin.kept
        assert len(kept.calls) == len(kept.results) == len(plugin.calls) and not kept.turns and not kept.shown
        bare, calls = without(shape, body)
        assert result.answer == bare
        assert [str(call).count("'expand'") for call in kept.calls] == [1] * calls


def without(shape, body):
    """The answer without calls of `expand`, written out anew, and how many there were."""
    key = {"chat": "tool_calls", "responses": "output", "messages": "content"}[shape]
    holder = body["choices"][0]["message"] if shape == "chat" else body
    left = [one for one in holder[key] if (one["function"] if shape == "chat" else one).get("name") != "expand"]
    bare = {**holder, key: left}
    whole = {**body, "choices": [{**body["choices"][0], "message": bare}]} if shape == "chat" else bare
    return whole, len(holder[key]) - len(left)


@EACH
@virtual_time
async def test_endless_calls_come_to_an_end(kit, shape):
    bodies = [kit.answer(shape, f"Round {number}.", ("expand", "{}"), number=number) for number in (1, 2, 3)]
    result, plugin = await kit.ask(shape, *rounds(kit, shape, *bodies), payload=STREAM, plugin_set={"most_rounds": 2})
    assert len(result.upstream.got) == 3 and len(billed(result)) == 2 and plugin.rounds == [1, 2]
    assert "expand" not in result.body.decode() and len(plugin.kept) == 1 and "Round 2." in str(plugin.kept[0].turns)
    ended = {"chat": "stop", "messages": "end_turn", "responses": "completed"}[shape]
    assert result.outcome.state == "complete" and f"'{ended}'" in str(result.answer)
    texts = "Round 1.\n\nRound 2.\n\nRound 3." if shape == "chat" else "Round 1.Round 2.Round 3."
    assert result.text == texts and "tool_use" not in str(result.answer)


@EACH
@virtual_time
async def test_a_later_round_may_be_mixed(kit, shape):
    first = kit.answer(shape, ("expand", "{}"), ("expand", '{"b":1}'))
    second = kit.answer(shape, "Now.", ("expand", "{}"), ("expand_all", '{"c":3}'), number=2)
    result, plugin = await kit.ask(shape, *rounds(kit, shape, first, second), payload=STREAM)
    (kept,) = plugin.kept
    assert len(plugin.calls) == 3 and kept.turns and len(kept.calls) == 1
    assert result.answer == {**without(shape, second)[0], **{
        name: first[name] for name in ("id", "created", "created_at") if name in first}}  # fmt: skip


@EACH
@virtual_time
async def test_a_later_round_that_fails_ends_the_stream_with_its_error(kit, shape):
    first = kit.frames(shape, kit.answer(shape, "Let me look.", ("expand", "{}")))
    cut = kit.frames(shape, kit.answer(shape, "It is what it is.", number=2))[:4]
    for second in (
        failing(UpstreamError("away")),
        failing(RuntimeError("a defect")),
        events(*cut, StreamCut("cut")),
        events(*cut),
        whole(b"[]"),
        whole({"error": {}}, status=500),
    ):
        result, plugin = await kit.ask(shape, events(*first), second, payload=STREAM)
        assert isinstance(result.broke, TailraceError) and b'"error"' in result.events[-1].raw
        assert plugin.kept == [] and result.upstream.all_closed and len(billed(result)) == 1
        assert b"expand" not in result.body and b'"stop"' not in result.body and b"end_turn" not in result.body
        assert b"[DONE]" not in result.body and b"response.completed" not in result.body


@EACH
@virtual_time
async def test_an_error_in_the_stream_is_told_and_nothing_is_asked(kit, shape):
    error = kit.data({"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}, "error")
    frames = kit.frames(shape, kit.answer(shape, "Let me look.", ("expand", "{}")))
    end = -1 if shape == "responses" else -2
    result, plugin = await kit.ask(shape, events(*frames[:end], error), payload=STREAM)
    assert result.events[-1].raw.endswith(error[-20:]) and len(result.upstream.got) == 1 and plugin.kept == []
    assert b"expand" not in result.body
    second = kit.frames(shape, kit.answer(shape, "It is", number=2))[:4]
    result, plugin = await kit.ask(shape, events(*frames), events(*second, error), payload=STREAM)
    assert b"busy" in result.events[-1].raw and plugin.kept == [] and result.upstream.all_closed


@virtual_time
async def test_a_failed_response_is_told(kit):
    first = kit.frames("responses", kit.answer("responses", ("expand", "{}")))
    failed = kit.answer("responses", number=2, ended="failed", error={"code": "server_error", "message": "busy"})
    result, plugin = await kit.ask("responses", events(*first), *rounds(kit, "responses", failed), payload=STREAM)
    assert result.events[-1].json["type"] == "response.failed" and plugin.kept == []
    assert result.events[-1].json["response"]["id"] == "resp_1"


@EACH
@virtual_time
async def test_a_first_round_that_fails_raises_as_always(kit, shape):
    error = UpstreamError("x")
    result, plugin = await kit.ask(shape, failing(error), payload=STREAM)
    assert result.error is error and plugin.kept == []
    frames = kit.frames(shape, kit.answer(shape, "Let me look.", ("expand", "{}")))
    result, plugin = await kit.ask(shape, events(*frames[:5], StreamCut("cut")), payload=STREAM)
    assert result.broke is not None and plugin.kept == [] and len(result.upstream.got) == 1


@EACH
@virtual_time
async def test_a_client_that_leaves_closes_the_round_that_is_open(kit, shape):
    first = kit.frames(shape, kit.answer(shape, "Let me look.", ("expand", "{}")))
    slow = [step for frame in kit.frames(shape, kit.answer(shape, "It is 4.", number=2)) for step in (frame, 5.0)]
    result, plugin = await kit.ask(shape, events(*first), events(*slow), payload=STREAM, leaves_after_s=12)
    assert result.left and len(result.upstream.sources) == 2 and result.upstream.all_closed and plugin.kept == []
    assert result.upstream.sources[1].left > 0 and len(billed(result)) == 1
    result, plugin = await kit.ask(shape, events(*first), hanging(), payload=STREAM, leaves_after_s=5)
    assert result.upstream.cancelled == 1 and result.upstream.all_closed and plugin.kept == []
    whole, _ = await kit.ask(shape, events(*first), events(*slow), payload=STREAM)
    last = next(
        place
        for place, piece in enumerate(whole.pieces)
        if b'finish_reason":"' in piece or b"_stop" in piece and place > 12 or b'completed"' in piece and place > 12
    )
    for pieces in range(1, last):
        result, plugin = await kit.ask(shape, events(*first), events(*slow), payload=STREAM, leaves_after_pieces=pieces)
        assert result.upstream.all_closed and plugin.kept == []


@EACH
@virtual_time
async def test_nothing_is_held_but_the_end(kit, shape):
    first = kit.frames(shape, kit.answer(shape, "Let me look.", ("expand", "{}")))
    second = kit.frames(shape, kit.answer(shape, "It is 4.", number=2))
    paced = [[step for frame in one for step in (1.0, frame)] for one in (first, second)]
    result, _ = await kit.ask(shape, events(*paced[0]), events(*paced[1]), payload=STREAM)
    assert result.times[0] == 1 and result.times[-1] >= len(first) + len(second) - 1
    texts = [
        time for piece, time in zip(result.pieces, result.times, strict=True) if b"Let" in piece or b" me" in piece
    ]
    assert texts[0] < 7 and result.times == sorted(result.times)


@EACH
@virtual_time
async def test_a_round_that_comes_whole_is_made_a_stream(kit, shape):
    first = kit.answer(shape, "Let me look.", ("expand", "{}"))
    second = kit.answer(shape, "It is 4.", number=2, spent=200)
    result, plugin = await kit.ask(
        shape, *rounds(kit, shape, first), whole(second),
        payload={**STREAM, "stream_options": {"include_usage": True}},
    )  # fmt: skip
    assert result.text.endswith("It is 4.") and result.answer["usage"] == second["usage"] and len(plugin.kept) == 1


@EACH
@virtual_time
async def test_events_may_be_cut_anywhere(kit, shape):
    first = b"".join(kit.frames(shape, kit.answer(shape, "Let me look.", ("expand", '{"id":"a"}'))))
    second = b"".join(kit.frames(shape, kit.answer(shape, "It is 4.", number=2)))
    expected, _ = await kit.ask(shape, events(first), events(second), payload=STREAM)
    for size in (1, 2, 7, 100):
        pieces = [[one[at : at + size] for at in range(0, len(one), size)] for one in (first, second)]
        result, plugin = await kit.ask(shape, *(events(*one) for one in pieces), payload=STREAM)
        assert result.body == expected.body and len(plugin.kept) == 1
    for one in (first, second):
        assert b"\r" not in one
    crlf = [one.replace(b"\n", b"\r\n") for one in (first, second)]
    result, plugin = await kit.ask(shape, *(events(one) for one in crlf), payload=STREAM)
    assert result.answer == expected.answer


@virtual_time
async def test_an_event_too_large_to_be_held_is_looked_into_all_the_same(kit):
    arguments = '{"id":"' + "a" * 200_000 + '"}'
    first = b"".join(kit.frames("chat", kit.answer("chat", ("expand", arguments)), piece_chars=0))
    pieces = [first[at : at + 30_000] for at in range(0, len(first), 30_000)]
    result, plugin = await kit.ask("chat", events(*pieces), events(*chat_text("Yes.")), payload=STREAM)
    assert plugin.calls[0].arguments == arguments and result.text == "Yes." and b"expand" not in result.body


@EACH
@virtual_time
async def test_a_provider_that_does_not_close_its_stream_is_not_waited_for(kit, shape):
    first = kit.frames(shape, kit.answer(shape, ("expand", "{}")))
    second = kit.frames(shape, kit.answer(shape, "Yes.", number=2))
    result, _ = await kit.ask(shape, events(*first, 50.0), events(*second), payload=STREAM)
    assert result.text == "Yes." and result.times[-1] <= 1 and billed(result) == [(100, 7)]


@EACH
@virtual_time
async def test_a_defect_in_here_costs_what_is_hidden_and_not_the_answer(kit, shape, monkeypatch):
    def broken(self, event, told):
        raise RuntimeError("a defect")

    for screen in (ChatScreen, MessagesScreen, ResponsesScreen):
        monkeypatch.setattr(screen, "_take", broken)
    frames = kit.frames(shape, kit.answer(shape, "Let me look.", ("expand", "{}")))
    result, plugin = await kit.ask(shape, events(*frames), payload=STREAM)
    assert result.body == b"".join(frames) and result.broke is None and plugin.kept == []


@EACH
@virtual_time
async def test_a_defect_once_something_is_hidden_ends_the_stream(kit, shape, monkeypatch):
    def broken(take):
        def failing(self, event, told):
            if self.hides:
                raise RuntimeError("a defect")
            return take(self, event, told)

        return failing

    for screen in (ChatScreen, MessagesScreen, ResponsesScreen):
        monkeypatch.setattr(screen, "_take", broken(screen._take))
    frames = kit.frames(shape, kit.answer(shape, "Let me look.", ("expand", '{"id":"zzzzzz"}')))
    result, plugin = await kit.ask(shape, events(*frames), payload=STREAM)
    assert isinstance(result.broke, TailraceError) and b"expand" not in result.body and plugin.kept == []
    assert b"zz" not in result.body and result.upstream.all_closed


@virtual_time
async def test_a_large_event_comes_in_pieces_and_whole(kit):
    for text in ("a" * 300_000, '"expand" ' * 30_000):
        raw = b"".join(kit.frames("chat", kit.answer("chat", text), piece_chars=0))
        for size in (10_000, 70_000, 200_000):
            pieces = [raw[at : at + size] for at in range(0, len(raw), size)]
            result, _ = await kit.ask("chat", events(*pieces), payload=STREAM)
            assert result.body == raw


@EACH
@virtual_time
async def test_a_defect_in_answering_is_told_and_nothing_hidden_is_shown(kit, shape):
    frames = kit.frames(shape, kit.answer(shape, "Let me look.", ("expand", "{}")))
    result, plugin = await kit.ask(shape, events(*frames), payload=STREAM, plugin_set={"answer_fails": True})
    assert isinstance(result.broke, TailraceError) and b"expand" not in result.body and plugin.kept == []
    result, plugin = await kit.ask(
        shape, *rounds(kit, shape, kit.answer(shape, ("expand", "{}")), kit.answer(shape, "Yes.")),
        payload=STREAM, plugin_set={"keep_fails": True},
    )  # fmt: skip
    assert result.text == "Yes." and result.broke is None


@virtual_time
async def test_no_task_is_left(kit):
    frames = kit.frames("chat", kit.answer("chat", ("expand", "{}")))
    await kit.ask("chat", events(*frames), events(*chat_text("Yes.")), payload=STREAM)
    assert len(asyncio.all_tasks()) == 1
