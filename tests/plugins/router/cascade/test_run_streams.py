import pytest

from tailrace.errors import StreamCut
from tailrace.exchange import Reply
from tailrace.streams import Stream
from tailrace.testing import chat_chunk, chat_text, data, events, failing, virtual_time, whole
from tailrace.testing.upstream import FakeEvents
from tailrace.wire.endpoints import MESSAGES, RESPONSES
from tailrace.wire.sse import DONE

TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}


def asked(result):
    return [one.payload["model"] for one in result.upstream.got]


@virtual_time
async def test_an_accepted_stream_is_byte_for_byte_the_providers(kit):
    frames = chat_text(*kit.words(100))
    pieces = [frames[0], b"".join(frames[1:40]), *frames[40:90], b"".join(frames[90:])]
    for cascade in ({}, {"logprobs": False}, {"hold_tokens": 1}, {"hold_tokens": 10_000}):
        result, told = await kit.ask({"stream": True}, events(*pieces), cascade=cascade)
        assert told.accepted and result.pieces == pieces and result.upstream.all_closed
        assert result.exchange.trail.watch.done, "the stream below heard its end"


@virtual_time
async def test_only_so_much_of_a_stream_is_held_back(kit):
    frames = chat_text(*kit.words(60))
    paced = [step for frame in frames for step in (frame, 0.01)]
    result, told = await kit.ask({"stream": True}, events(*paced), cascade={"hold_tokens": 20})
    assert told.held_s == pytest.approx(0.2) and result.times[0] == pytest.approx(0.2)
    assert result.times[30] == pytest.approx(0.3), "after the decision nothing is held"


@virtual_time
async def test_nor_for_longer_than_allowed(kit):
    frames = chat_text("a", "b", "c")
    steps = [frames[0], frames[1], 10.0, *frames[2:]]
    result, told = await kit.ask({"stream": True}, events(*steps), cascade={"hold_s": 2})
    assert told.accepted and told.held_s == 2 and [round(time, 3) for time in result.times] == [2, 2, 10, 10, 10, 10]
    assert result.pieces == frames, "the read that was under way is not lost"


@virtual_time
async def test_logprobs_are_taken_out_of_the_stream(kit):
    frames = kit.likely("a", "b", "c")
    result, told = await kit.ask({"stream": True}, events(*frames))
    assert told.accepted and told.confidence == pytest.approx(0.99) and b'logprob"' not in result.body
    assert result.text == "abc" and result.pieces[0] == frames[0] and result.pieces[-1] == frames[-1]


@virtual_time
async def test_an_unlikely_stream_is_dropped_and_closed(kit):
    cheap = [*kit.likely(*kit.words(80), probability=0.4)[:-2], 50.0]
    better = chat_text("Better.")
    result, told = await kit.ask({"stream": True}, events(*cheap, after_s=1), events(*better))
    assert result.body == b"".join(better) and told.reasons == ("unlikely",) and not told.accepted
    first, second = result.upstream.sources
    assert first.closed and first.left > 0 and second.closed
    assert told.dropped.estimated and told.dropped.output_tokens == 48 and told.held_s == 1
    assert result.exchange.trail.watch is second.watch


@virtual_time
async def test_a_refusal_is_dropped(kit):
    result, told = await kit.ask(
        {"stream": True}, events(*chat_text("I'm sorry, ", "but I can't ", "help.")), events(*chat_text("Sure."))
    )
    assert (result.text, told.reasons) == ("Sure.", ("refusal", "nothing-known"))
    assert result.upstream.sources[0].watch.done, "a stream that was read to its end may keep its connection"


@virtual_time
async def test_a_stream_of_json_is_held_whole(kit):
    wants = {"stream": True, "response_format": {"type": "json_object"}}
    pieces = ['{"a": ', *(f"{n}, " for n in range(100)), "oops"]
    result, told = await kit.ask(wants, events(*chat_text(*pieces)), events(*chat_text('{"a": 1}')))
    assert (result.text, told.reasons) == ('{"a": 1}', ("bad-json",))
    result, told = await kit.ask(wants, events(*[step for f in chat_text('{"a"', ": 1}") for step in (f, 5.0)]))
    assert told.accepted and result.text == '{"a": 1}' and told.held_s > 10, "hold_s is no bound here"


def calling(arguments):
    first = {"index": 0, "id": "c1", "type": "function", "function": {"name": "look", "arguments": ""}}
    rest = [{"index": 0, "function": {"arguments": piece}} for piece in arguments]
    deltas = [chat_chunk({"tool_calls": [delta]}) for delta in (first, *rest)]
    return [chat_chunk({"role": "assistant", "content": None}), *deltas, chat_chunk(finish="tool_calls"), DONE]


@virtual_time
async def test_a_streamed_call_is_held_whole(kit):
    wants = {"stream": True, "tools": [TOOL]}
    good, bad = calling(['{"a":', *["1"] * 100, "}"]), calling(['{"a":', *["["] * 100])
    result, told = await kit.ask(wants, events(*good), cascade={"hold_tokens": 5})
    assert told.accepted and result.pieces == good
    result, told = await kit.ask(wants, events(*bad), events(*good), cascade={"hold_tokens": 5})
    assert told.reasons == ("bad-arguments",) and result.pieces == good
    slow = [bad[0], *(step for frame in bad[1:] for step in (frame, 5.0))]
    result, told = await kit.ask(wants, events(*slow), events(*good))
    assert told.reasons == ("bad-arguments",), "hold_s is no bound here"


@virtual_time
async def test_samples_hold_streams_whole(kit):
    frames = chat_text("It is 4.")
    result, told = await kit.ask({"stream": True}, events(*frames), whole(kit.body("It is 4.")), cascade={"samples": 1})
    assert told.accepted and result.pieces == frames and "stream_options" not in result.upstream.got[1].payload


@virtual_time
async def test_a_client_that_leaves_while_a_stream_is_held(kit):
    result, told = await kit.ask({"stream": True}, events(chat_text("a")[1], 60.0, *chat_text("b")), leaves_after_s=1)
    assert result.left and told is None and result.upstream.all_closed and asked(result) == ["small"]
    assert result.outcome.usage.estimated and result.outcome.usage.output_tokens == 1


@virtual_time
async def test_a_client_that_leaves_after_the_release(kit):
    frames = chat_text(*kit.words(80))
    result, _ = await kit.ask({"stream": True}, events(*frames), leaves_after_pieces=60)
    assert result.left and result.upstream.sources[0].closed and result.upstream.sources[0].left > 0


@virtual_time
async def test_a_stream_that_breaks_while_it_is_held(kit):
    better = chat_text("Better.")
    result, told = await kit.ask({"stream": True}, events(*chat_text("a")[:2], StreamCut("x")), events(*better))
    assert result.pieces == better and told.reasons == ("cheap-broke",) and told.dropped.estimated
    assert result.upstream.all_closed and result.outcome.state == "complete"
    result, told = await kit.ask({"stream": True}, events(*chat_text("a")[:2]), events(*better))
    assert told.reasons == ("cheap-broke",), "an end without an end is a cut"


@virtual_time
async def test_a_stream_that_breaks_after_the_release(kit):
    frames = chat_text(*kit.words(80))
    result, told = await kit.ask({"stream": True}, events(*frames[:60], 1.0, StreamCut("x")))
    assert told.accepted and isinstance(result.broke, StreamCut) and result.pieces[:-1] == frames[:60]
    assert result.outcome.state == "failed"


@virtual_time
async def test_an_error_in_band_while_it_is_held(kit):
    broken = [chat_text("a")[0], b'data: {"error": {"message": "overloaded"}}\n\n']
    result, told = await kit.ask({"stream": True}, events(*broken), events(*chat_text("Better.")))
    assert (result.text, told.reasons) == ("Better.", ("broken",))


@virtual_time
async def test_a_stream_that_is_whole_but_doubted_is_a_spare(kit):
    frames = chat_text("I don't know.")
    result, told = await kit.ask({"stream": True}, events(*frames), failing())
    assert result.pieces == frames and told.accepted and told.reasons[-1] == "strong-failed"
    assert result.upstream.all_closed and result.outcome.state == "complete"


@virtual_time
async def test_hostile_streams(kit):
    better = chat_text("Better.")
    hostile = [
        [b"data: nonsense\n\n", b"data: [1, 2]\n\n", b"data: [DONE]\n\n"],
        [b"data: [DONE]\n\n"],
        [b'data: {"choices": [{"delta": 3, "index": "x"}, 4], "usage": []}\n\n', b"data: [DONE]\n\n"],
        [b": ping\n\n", b'data: {"choices": [{"delta": {"content": {"a": 1}}}]}\n\n', b"data: [DONE]\n\n"],
    ]
    for pieces in hostile:
        result, told = await kit.ask({"stream": True}, events(*pieces), events(*better))
        assert result.pieces == better and told.reasons[0] in ("empty", "broken"), pieces


@virtual_time
async def test_a_stream_without_end_is_judged_by_its_beginning(kit):
    wants = {"stream": True, "response_format": {"type": "json_object"}}
    frames = chat_text('{"a": "', *["x" * 100_000] * 30, '"}')
    paced = [step for frame in frames for step in (frame, 1.0)]
    result, told = await kit.ask(wants, events(*paced))
    assert told.accepted and result.pieces == frames and told.held_s < 15


@virtual_time
async def test_a_stream_that_cannot_be_read_is_escalated(kit):
    class Opaque(FakeEvents):
        is_events = False

    async def opaque(upstream, exchange):
        source = Opaque("chat", [b"x"])
        upstream.sources.append(source)
        return Reply(200, {}, stream=Stream(source))

    result, told = await kit.ask({"stream": True}, opaque, whole(kit.body("Better.")))
    assert told.reasons == ("broken",) and result.text == "Better." and result.upstream.all_closed


@virtual_time
async def test_the_plugins_own_time_does_not_run_while_a_stream_is_held(kit):
    frames = [step for frame in chat_text("a", "b") for step in (frame, 20.0)]
    result, told = await kit.ask({"stream": True}, events(*frames), cascade={"hold_s": 60})
    assert told.accepted and result.action == "acted" and result.scope.self_s == pytest.approx(0)


def typed(*told):
    return [data(one, one["type"]) for one in told]


@virtual_time
async def test_the_other_shapes(kit):
    def message(text):
        start = {
            "type": "message",
            "role": "assistant",
            "id": "m",
            "content": [],
            "usage": {"input_tokens": 9, "output_tokens": 1},
        }
        return typed(
            {"type": "message_start", "message": start},
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}},
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 5}},
            {"type": "message_stop"},
        )

    def response(text):
        item = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text}]}
        return typed(
            {"type": "response.created", "response": {"id": "r", "status": "in_progress"}},
            {"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": text},
            {"type": "response.completed", "response": {"id": "r", "status": "completed", "output": [item]}},
        )

    for endpoint, made in ((MESSAGES, message), (RESPONSES, response)):
        wants = {"stream": True, "max_tokens": 50, "input": "Why?"}
        result, told = await kit.ask(wants, events(*made("Fine.")), endpoint=endpoint)
        assert told.accepted and result.pieces == made("Fine.") and "logprobs" not in result.upstream.got[0].payload
        result, told = await kit.ask(wants, events(*made("I don't know.")), events(*made("So.")), endpoint=endpoint)
        assert not told.accepted and result.text == "So."
