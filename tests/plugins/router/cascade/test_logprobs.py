import pytest

from tailrace.testing import chat_chunk, exchange
from tailrace.wire import sse
from tailrace.wire.endpoints import COMPLETIONS, MESSAGES
from tailrace_plugins.router.cascade.logprobs import can_ask, event_without, without


@pytest.mark.parametrize(
    ("payload", "endpoint", "can"),
    [
        ({}, None, True),
        ({"logprobs": False}, None, False),
        ({"top_logprobs": 2}, None, False),
        ({}, MESSAGES, False),
        ({}, COMPLETIONS, False),
    ],
)
def test_where_they_can_be_asked_for(payload, endpoint, can):
    where = {} if endpoint is None else {"endpoint": endpoint}
    assert can_ask(exchange({"model": "m", **payload}, **where)) is can


def test_taken_out_of_a_body(kit):
    body = kit.body(logprobs=[0.5])
    kept = kit.body()
    assert without(body) == {**kept, "choices": [{**kept["choices"][0], "logprobs": None}]}
    assert body["choices"][0]["logprobs"]["content"], "what was given is not changed"


@pytest.mark.parametrize("odd", [None, [], 3, {}, {"choices": None}, {"choices": [3, {"logprobs": None}]}])
def test_nothing_to_take_out(odd):
    assert without(odd) is None


def test_events_that_have_none_are_the_same_bytes(kit):
    spaced = b'data: { "choices": [ {"delta": {"content": "logprobs"}, "logprobs": null } ] }\n\n'
    for frame in (chat_chunk("a"), spaced, b"data: [DONE]\n\n", b"data: nonsense logprobs\n\n", b": logprobs\n\n"):
        event = sse.parse(frame)
        assert event_without(event) is event


def test_taken_out_of_an_event(kit):
    event = sse.parse(b"id: 7\nevent: message\n" + kit.chunk("a", 0.5))
    stripped = event_without(event)
    assert (stripped.id, stripped.event) == ("7", "message")
    assert stripped.json == without(event.json) and b"-0.69" not in stripped.raw
    escaped = sse.parse(kit.chunk("a", 0.5).replace(b'"logprobs"', b'"\\u006cogprobs"'))
    assert b"-0.69" not in event_without(escaped).raw
