import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace.testing import chat_chunk, data
from tailrace.wire import sse
from tailrace_plugins.stream.coalesce import Coalescer


def texts(items):
    """The text of each item; `None` for one without."""
    found = []
    for item in items:
        told = (item if isinstance(item, sse.Event) else sse.parse(item)).json
        found.append(told["choices"][0]["delta"].get("content") if told else None)
    return found


def chunk(text, index=0, **more):
    return sse.parse(chat_chunk(text, index=index, **more))


def feed(coalescer, *steps):
    """Each step is (time, event) or a time at which a due flush is made."""
    out = []
    for step in steps:
        if isinstance(step, tuple):
            out += coalescer.take(step[1], step[0])
        elif coalescer.due is not None and step >= coalescer.due:
            out += coalescer.flush(step)
    return out


def test_the_first_chunk_goes_on_at_once_and_the_rest_waits():
    coalescer = Coalescer("chat", None, 0.1)
    first = chunk("a")
    assert coalescer.take(first, 5.0) == [first]
    assert coalescer.due is None
    assert coalescer.take(chunk("b"), 5.01) == []
    assert coalescer.due == pytest.approx(5.1)
    assert coalescer.take(chunk("c"), 5.05) == []
    assert coalescer.due == pytest.approx(5.1), "later text does not put off what waits"
    assert texts(coalescer.flush(5.1)) == ["bc"]
    assert coalescer.due is None
    assert coalescer.flush(5.2) == []
    assert coalescer.joined == 1


def test_slow_text_is_never_held_back():
    coalescer = Coalescer("chat", None, 0.1)
    events = [chunk(text) for text in "abcd"]
    for position, event in enumerate(events):
        assert coalescer.take(event, 1 + position * 0.11) == [event]
    assert coalescer.joined == 0


def test_the_count_ends_the_wait():
    coalescer = Coalescer("chat", 3, 60)
    out = [texts(coalescer.take(chunk(text), 1.0)) for text in "abcdefg"]
    assert out == [["a"], [], [], ["bcd"], [], [], ["efg"]]


def test_a_single_chunk_goes_on_as_it_came():
    odd = sse.parse(b'data:  {"choices": [ {"index":0,"delta":{"content":"\\u0062"}} ]}\r\n\r\n')
    coalescer = Coalescer("chat", None, 0.1)
    coalescer.take(odd, 1.0)
    assert coalescer.take(odd, 1.01) == []
    assert coalescer.flush(1.1) == [odd]


TOOL = sse.parse(chat_chunk({"tool_calls": [{"index": 0, "id": "c"}]}))


@pytest.mark.parametrize(
    "other",
    [
        TOOL,
        sse.parse(chat_chunk(finish="stop")),
        sse.parse(chat_chunk({"role": "assistant"})),
        sse.parse(chat_chunk("x", usage={"total_tokens": 1})),
        sse.parse(data({"choices": [], "usage": {}})),
        sse.parse(sse.DONE),
        sse.parse(b": comment\n\n"),
        sse.parse(data({"error": {"message": "x"}})),
    ],
)
def test_nothing_else_is_overtaken_or_held_back(other):
    coalescer = Coalescer("chat", None, 60)
    out = feed(coalescer, (1, chunk("a")), (1, chunk("b")), (1, chunk("c")), (1, other), (1, chunk("d")))
    assert texts(out[:2]) == ["a", "bc"]
    assert out[2:] == [other]
    assert texts(coalescer.flush(2)) == ["d"]


def test_choices_are_not_mixed():
    coalescer = Coalescer("chat", None, 60)
    steps = [("a", 0), ("b", 0), ("x", 1), ("y", 1), ("z", 1), ("c", 0)]
    out = feed(coalescer, *[(1, chunk(text, index)) for text, index in steps])
    seen = [((i if isinstance(i, sse.Event) else sse.parse(i)).json["choices"][0]["index"], texts([i])[0]) for i in out]
    assert seen == [(0, "a"), (0, "b"), (1, "x"), (1, "yz"), (0, "c")]


def test_chunks_that_differ_in_another_field_stay_apart():
    coalescer = Coalescer("chat", None, 60)
    out = feed(coalescer, (1, chunk("a")), (1, chunk("b")), (1, chunk("c", id="other")))
    assert texts(out + coalescer.flush(1)) == ["a", "b", "c"]


def test_what_is_held_back_is_bounded():
    coalescer = Coalescer("chat", None, 60)
    coalescer.take(chunk("a"), 1)
    assert texts(coalescer.take(chunk("x" * 20_000), 1)) == ["x" * 20_000]


def test_giving_up_returns_the_events_themselves():
    coalescer = Coalescer("chat", None, 60)
    events = [chunk(text) for text in "abc"]
    feed(coalescer, *[(1, event) for event in events])
    assert coalescer.give_up() == events[1:]
    assert coalescer.flush(2) == []


EVENTS = st.one_of(
    st.builds(chunk, st.text(max_size=5), st.integers(0, 1)),
    st.sampled_from([TOOL, sse.parse(sse.DONE), sse.parse(b": c\n\n"), sse.parse(chat_chunk({"role": "assistant"}))]),
)


@given(
    st.lists(st.tuples(st.floats(0, 0.2), EVENTS), max_size=30),
    st.one_of(st.none(), st.integers(2, 4)),
    st.sampled_from([0.05, 0.1]),
)
def test_order_and_text_are_exactly_kept(steps, most, longest):
    coalescer = Coalescer("chat", most, longest)
    now, out, waiting_since = 100.0, [], None
    for gap, event in steps:
        now += gap
        if coalescer.due is not None and coalescer.due <= now:
            assert coalescer.due <= waiting_since + longest
            out += coalescer.flush(coalescer.due)
        held_before = coalescer.due is not None
        out += coalescer.take(event, now)
        if coalescer.due is not None and not held_before:
            waiting_since = now
    out += coalescer.flush(now)

    def spelled(items):
        """Everything as one list in which adjacent texts of a choice are one."""
        told = []
        for item in items:
            event = item if isinstance(item, sse.Event) else sse.parse(item)
            choices = event.json["choices"] if event.json else None
            delta = choices[0]["delta"] if choices else {}
            if set(delta) == {"content"}:
                if told and told[-1][0] == choices[0]["index"]:
                    told[-1] = (told[-1][0], told[-1][1] + delta["content"])
                else:
                    told.append((choices[0]["index"], delta["content"]))
            else:
                told.append((None, event.raw))
        return told

    assert spelled(out) == spelled([event for _, event in steps])
    assert len(out) == len(steps) - coalescer.joined
