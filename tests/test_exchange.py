import pytest

from tailrace.exchange import Reply
from tailrace.streams import Stream
from tailrace.testing import FakeUpstream, chat_text, events, exchange, virtual_time
from tailrace.trail import Dropped
from tailrace.wire.endpoints import CHAT
from tailrace.wire.usage import Usage

RAW = b'{ "model": "m", "messages": [], "odd": 1e0, "stream": true }'


def test_what_it_says_of_the_request():
    asked = exchange(RAW, tenant="t")
    assert (asked.model, asked.stream, asked.tenant, asked.endpoint) == ("m", True, "t", CHAT)
    assert asked.body() is asked.raw


@pytest.mark.parametrize("model", [None, 7, ["m"]])
def test_odd_models_are_none(model):
    assert exchange({"model": model}).model == ""


@pytest.mark.parametrize(
    ("value", "stream"), [(True, True), (False, False), (1, False), ("true", False), (None, False)]
)
def test_only_true_is_a_stream(value, stream):
    assert exchange({"stream": value}).stream is stream


def test_rewriting_leaves_the_original_alone():
    asked = exchange(RAW)
    changed = asked.rewrite({"model": "n", "new": [1]}, remove=["odd", "absent"])
    assert changed.body() == b'{"model":"n","messages":[],"stream":true,"new":[1]}'
    assert (asked.model, asked.body()) == ("m", RAW)
    assert changed.raw is None
    assert changed.payload["messages"] is asked.payload["messages"]
    assert changed.request is asked.request
    assert changed.trail is asked.trail


def test_rewriting_again_starts_from_the_new_payload():
    once = exchange(RAW).rewrite({"a": 1})
    assert once.body() is once.body(), "encoded at most once"
    assert b'"a":1,"b":2' in once.rewrite({"b": 2}).body()
    assert b'"b"' not in once.body()


def test_the_session():
    asked = exchange({"messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "q"}]})
    later = asked.rewrite({"messages": [*asked.payload["messages"], {"role": "assistant", "content": "a"}]})
    other = asked.rewrite({"messages": [{"role": "user", "content": "else"}]})
    assert asked.session == later.session != other.session
    assert exchange(asked.payload, tenant="other").session != asked.session
    mine = exchange({}, headers={"x-tailrace-session": "mine"})
    assert mine.session == mine.rewrite({"messages": [{"role": "user", "content": "q"}]}).session != asked.session
    assert exchange({}, headers={"x-tailrace-session": "mine"}, tenant="other").session != mine.session


def test_without_a_plugin_notes_go_nowhere():
    asked = exchange(RAW)
    asked.note("a", 1)
    asked.acted()
    asked.stood_aside("x")
    assert asked.fact("tailrace", "a") is None
    assert asked.trail.scopes == []


def test_a_repr_shows_no_encoded_body():
    changed = exchange(RAW).rewrite({"a": 1})
    changed.body()
    assert "_cell" not in repr(changed)


async def streamed():
    return await FakeUpstream(events(*chat_text("a")))(exchange(RAW))


async def test_a_whole_reply():
    reply = Reply(200, {"Content-Type": "a", "x": "1"}, b'{"a":1}')
    assert reply.json() == {"a": 1}
    assert not reply.is_events
    heard = []
    told = reply.tap(heard.append).tap(lambda event: 1 / 0).tap(heard.append)
    assert reply.heard_whole() is None
    told.heard_whole()()
    assert [event.json for event in heard] == [{"a": 1}, {"a": 1}]
    with pytest.raises(TypeError, match="only an event stream"):
        reply.through(lambda events: events)
    await reply.aclose()


@pytest.mark.parametrize("body", [b"", b"<html>", b"\xff"])
def test_what_is_no_json(body):
    assert Reply(200, {}, body).json() is None


def test_another_body():
    reply = Reply(200, {"x": "1"}, b"{}", parsed={}).with_body(b"[1]", origin="me")
    assert (reply.json(), reply.origin, reply.headers) == ([1], "me", {"x": "1"})
    assert Reply(200, {}, b"{}", origin="cache").with_body(b"").origin == "cache"


def test_headers_are_replaced_in_any_case():
    reply = Reply(200, {"Content-Type": "a", "x": "1"}).with_headers({"content-type": "b", "y": "2"})
    assert reply.headers == {"x": "1", "content-type": "b", "y": "2"}


@virtual_time
async def test_a_streamed_reply():
    reply = await streamed()
    assert reply.is_events
    assert reply.json() is None
    heard = []

    async def drop_all(events):
        async for _ in events:
            pass
        yield b": nothing\n\n"

    assert [piece async for piece in reply.tap(heard.append).through(drop_all).stream.open()] == [b": nothing\n\n"]
    assert len(heard) == 4
    await reply.aclose()
    assert reply.stream.source.closed


@virtual_time
async def test_replies_are_not_changed_by_their_copies():
    reply = await streamed()
    reply.tap(print)
    reply.through(lambda events: events)
    assert reply.stream == Stream(reply.stream.source)
    assert reply.heard_whole() is None


def test_a_vector_is_there_for_its_own_text_and_request_only():
    made, other = exchange({"model": "m"}), exchange({"model": "m"})
    made.embedded("How?", b"v")
    assert made.rewrite({"model": "n"}).vector_of("How?") == b"v", "for all plugins below"
    assert made.vector_of("How") is None and other.vector_of("How?") is None


def test_dropped_answers_are_remembered():
    made = exchange({"model": "m"})
    made.dropped("p", "small", Usage(3, 4))
    assert made.trail.dropped == [Dropped("p", "small", Usage(3, 4))]
