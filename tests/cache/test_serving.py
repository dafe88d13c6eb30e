import zlib

import pytest
from cache_kit import ANSWERS, ENDPOINTS, NOW, USAGE, chat_answer, entry, response_answer, tool_call

from tailrace.cache.entry import Saved
from tailrace.cache.serving import assembled, can_serve, note_saving, renewed, reply_from, with_mark
from tailrace.exchange import Reply
from tailrace.testing import chat_chunk, chat_text, data, exchange
from tailrace.trail import PluginScope
from tailrace.wire import jsonio, sse
from tailrace.wire.assemble import assembler
from tailrace.wire.replay import stream_events

NEW = {"chat": "chatcmpl-", "completions": "cmpl-", "responses": "resp_", "messages": "msg_"}
OPTED = {"stream_options": {"include_usage": True}}
SERVED = {"tailrace": {"cache": "exact", "billed": False}}


def asked(shape="chat", **payload):
    return exchange({"model": "m", **payload}, endpoint=ENDPOINTS[shape])


def recorded(shape, frames, **more):
    raw = b"".join(frames)
    body = assembled(shape, raw)
    return entry(kind=shape, body=body, frames=zlib.compress(raw), usage="usage" in body, **more)


async def served(one, request, now=NOW + 5):
    """The reply, and its events; a whole body counts as one."""
    reply = reply_from(one, request, "exact", now)
    if reply.stream is None:
        return reply, [jsonio.loads_object(reply.body)]
    raw = b"".join([piece async for piece in reply.stream.open()])
    splitter = sse.FrameSplitter()
    return reply, [sse.parse(frame) for frame in splitter.feed(raw)]


def put_together(shape, events):
    gathered = assembler(shape)
    for event in events:
        if isinstance(event.json, dict):
            gathered.feed(event.json)
    return gathered.result()


def bare(answer):
    """Without what a new answer has anew."""
    changing = ("id", "created", "created_at", "completed_at", "usage")
    return {name: value for name, value in answer.items() if name not in changing}


@pytest.mark.parametrize("shape", NEW)
async def test_a_whole_answer_from_a_whole_one(shape):
    body = ANSWERS[shape]('Say "id": "chatcmpl-1"')
    reply, [answer] = await served(entry(kind=shape, body=body), asked(shape))
    assert (reply.status, reply.origin, reply.json()) == (200, "exact_cache", answer)
    assert reply.headers == {"age": "5", "x-tailrace-cache": "exact", "content-type": "application/json"}
    assert bare(answer) == bare(body)
    assert answer["id"].startswith(NEW[shape]) and answer["id"] != body["id"]
    assert answer["usage"] == {**body["usage"], **SERVED}
    assert answer.get("created", answer.get("created_at", NOW + 5)) == int(NOW) + 5
    _, [again] = await served(entry(kind=shape, body=body), asked(shape))
    assert again["id"] != answer["id"]


@pytest.mark.parametrize("shape", NEW)
async def test_a_stream_from_a_whole_answer(shape):
    body = ANSWERS[shape]("A text of some length, so that it comes in more than one delta. " * 3)
    reply, events = await served(entry(kind=shape, body=body), asked(shape, stream=True, **OPTED))
    assert reply.is_events and reply.headers["content-type"].startswith("text/event-stream")
    answer = put_together(shape, events)
    assert bare(answer) == bare(body) and answer["id"] != body["id"] and answer["id"].startswith(NEW[shape])
    assert answer["usage"] == {**body["usage"], **SERVED}
    assert len(events) >= 6


@pytest.mark.parametrize("shape", NEW)
@pytest.mark.parametrize("stream", [False, True])
async def test_from_a_stream(shape, stream):
    frames = list(stream_events(shape, ANSWERS[shape]("one two three"), include_usage=True, piece_chars=4))
    one = recorded(shape, frames)
    _, events = await served(one, asked(shape, stream=stream, **OPTED))
    answer = put_together(shape, events) if stream else events[0]
    assert bare(answer) == bare(ANSWERS[shape]("one two three"))
    assert answer["usage"]["tailrace"] == SERVED["tailrace"]
    if stream:
        assert len(events) == len(frames)


async def test_a_stream_from_a_stream_has_the_same_events():
    frames = chat_text("Hel", "", "lo ", "you")
    _, events = await served(recorded("chat", frames), asked(stream=True))
    assert len(events) == len(frames) and events[-1].is_done
    pairs = zip(frames[:-1], events[:-1], strict=True)
    ids = set()
    for frame, event in pairs:
        old, new = sse.parse(frame).json, event.json
        assert bare(new) == bare(old) and new["created"] == int(NOW) + 5
        ids.add(new["id"])
    assert len(ids) == 1 and ids != {"chatcmpl-1"}


def with_usage(*, in_every=False):
    frames = [chat_chunk(piece, **({"usage": None} if in_every else {})) for piece in ("a", "b")]
    frames.append(chat_chunk(finish="stop", **({"usage": None} if in_every else {})))
    last = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": []}
    return [*frames, data({**last, "usage": USAGE}), sse.DONE]


@pytest.mark.parametrize("in_every", [False, True])
async def test_usage_only_if_asked(in_every):
    one = recorded("chat", with_usage(in_every=in_every))
    _, without = await served(one, asked(stream=True))
    assert len(without) == 4 and not any((event.json or {}).get("usage") for event in without if not event.is_done)
    _, opted = await served(one, asked(stream=True, **OPTED))
    assert [event.json.get("usage") for event in opted if not event.is_done] == [None] * 3 + [{**USAGE, **SERVED}]


async def test_usage_in_the_last_chunk_with_its_choice():
    frames = [chat_chunk("a"), chat_chunk(finish="stop", usage=USAGE), sse.DONE]
    _, without = await served(recorded("chat", frames), asked(stream=True))
    assert len(without) == 3 and "usage" not in without[1].json
    assert without[1].json["choices"][0]["finish_reason"] == "stop"
    _, opted = await served(recorded("chat", frames), asked(stream=True, **OPTED))
    assert opted[1].json["usage"] == {**USAGE, **SERVED}


async def test_tool_calls_keep_their_ids_and_arguments():
    calls = [tool_call("call_a", "f", '{"id": "chatcmpl-1"}'), tool_call("call_b", "g", "{}")]
    body = chat_answer(None, finish="tool_calls", tool_calls=calls)
    _, events = await served(entry(body=body), asked(stream=True))
    message = put_together("chat", events)["choices"][0]
    assert message["message"]["tool_calls"] == calls and message["finish_reason"] == "tool_calls"
    frames = list(stream_events("chat", body, include_usage=False, piece_chars=3))
    _, [answer] = await served(recorded("chat", frames), asked())
    assert answer["choices"][0]["message"]["tool_calls"] == calls
    _, events = await served(recorded("chat", frames), asked(stream=True))
    assert put_together("chat", events)["choices"][0]["message"]["tool_calls"] == calls


async def test_several_choices():
    choice = chat_answer()["choices"][0]
    body = {
        **chat_answer(),
        "choices": [choice, {**choice, "index": 1, "message": {"role": "assistant", "content": "B"}}],
    }
    for one in (entry(body=body), recorded("chat", stream_events("chat", body, include_usage=False, piece_chars=2))):
        _, events = await served(one, asked(stream=True, n=2))
        assert put_together("chat", events)["choices"] == body["choices"]


TRICKY = 'The chunk says {"id":"chatcmpl-1","created":1700000000,"usage":{"x":1}} and "id": "resp_1", "created_at": 12'


@pytest.mark.parametrize("shape", NEW)
async def test_what_looks_like_an_id_in_a_text_is_left(shape):
    frames = list(stream_events(shape, ANSWERS[shape](TRICKY), include_usage=True, piece_chars=0))
    _, events = await served(recorded(shape, frames), asked(shape, stream=True))
    answer = put_together(shape, events)
    told = jsonio.dumps(answer).decode()
    assert jsonio.dumps(TRICKY).decode() in told
    assert bare(answer) == bare(ANSWERS[shape](TRICKY))


async def test_a_response_has_its_new_id_in_every_event():
    frames = list(stream_events("responses", response_answer(), include_usage=True, piece_chars=2))
    _, events = await served(recorded("responses", frames), asked("responses", stream=True))
    told = [event.json["response"] for event in events if "response" in event.json]
    assert len({one["id"] for one in told}) == 1 and told[0]["id"] != "resp_1"
    assert {one["created_at"] for one in told} == {int(NOW) + 5}
    assert [event.event for event in events] == [sse.parse(frame).event for frame in frames]
    assert [event.json.get("item_id") for event in events if "delta" in event.json] == ["msg_1"] * 3


async def test_a_response_is_not_completed_before_it_was_created():
    frames = list(stream_events("responses", response_answer(completed_at=2), include_usage=True, piece_chars=2))
    _, events = await served(recorded("responses", frames), asked("responses", stream=True))
    final = events[-1].json["response"]
    assert final["completed_at"] >= final["created_at"]


async def test_a_number_of_that_name_inside_a_tool_is_left():
    tools = [{"type": "function", "name": "f", "parameters": {"examples": [{"created": 5, "id": "x"}]}}]
    frames = list(stream_events("responses", response_answer(tools=tools), include_usage=True, piece_chars=2))
    _, events = await served(recorded("responses", frames), asked("responses", stream=True))
    assert events[-1].json["response"]["tools"] == tools


def test_who_can_be_served():
    silent = entry(body=chat_answer(usage=None), frames=b"x", usage=False)
    assert can_serve(entry(), asked()) and can_serve(entry(), asked(stream=True, **OPTED))
    assert can_serve(silent, asked(stream=True))
    assert not can_serve(silent, asked()) and not can_serve(silent, asked(stream=True, **OPTED))


def test_a_whole_answer_without_usage_is_as_good_as_the_provider_gives():
    assert can_serve(entry(body=chat_answer(usage=None), usage=False), asked())


def test_an_answer_without_id_or_usage_gets_none():
    assert renewed({"x": 1, "created": "odd", "usage": None}, "new", 5, "exact") == {
        "x": 1,
        "created": "odd",
        "usage": None,
    }


@pytest.mark.parametrize(
    ("given", "mark", "shown"),
    [
        (None, "miss", "miss"),
        ("bypass", "miss", "miss"),
        ("miss", "bypass", "miss"),
        ("semantic;similarity=0.97", "miss", "semantic;similarity=0.97"),
        ("exact", "miss", "exact"),
        ("exact;inputs=1/2", "miss", "exact;inputs=1/2"),
        ("miss", "exact", "exact"),
        ("of another kind", "miss", "miss"),
    ],
)
def test_of_two_caches_the_one_that_did_more_has_the_word(given, mark, shown):
    headers = {} if given is None else {"x-tailrace-cache": given}
    assert with_mark(Reply(200, headers), mark).headers["x-tailrace-cache"] == shown


@pytest.mark.parametrize("usd", [None, 0.25])
def test_what_was_saved_is_noted(usd):
    request = asked()
    scope = PluginScope("exact_cache", 0.0)
    note_saving(request.seen_by(scope), Saved(3, 4, usd, 1.5), "exact")
    expected = {"result": "exact", "saved_input_tokens": 3, "saved_output_tokens": 4, "saved_s": 1.5}
    expected |= {"saved_usd": usd} if usd is not None else {}
    assert scope.facts == {f"cache.{name}": value for name, value in expected.items()}
