import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace.wire.tools import groups
from tailrace_plugins.defaults.history import key_of, shortened

SYSTEM = {"role": "system", "content": "s"}


def user(text="u"):
    return {"role": "user", "content": text}


def says(text="a"):
    return {"role": "assistant", "content": text}


def calls(id_):
    return {"role": "assistant", "tool_calls": [{"id": id_}]}


def tool(id_):
    return {"role": "tool", "tool_call_id": id_}


def uses(id_):
    return {"role": "assistant", "content": [{"type": "tool_use", "id": id_}]}


def result(id_):
    return {"role": "user", "content": [{"type": "tool_result", "tool_use_id": id_}]}


TALK = [user("1"), says("2"), user("3"), says("4"), user("5")]


def test_where_the_history_is():
    shapes = ("chat", "completions", "responses", "messages")
    assert [key_of(shape) for shape in shapes] == ["messages", None, "input", "messages"]


@pytest.mark.parametrize(
    ("shape", "payload", "limit", "expected"),
    [
        pytest.param("chat", TALK, 5, None, id="short enough"),
        pytest.param("chat", TALK, 2, TALK[3:], id="the newest"),
        pytest.param("chat", [SYSTEM, *TALK], 2, [SYSTEM, *TALK[3:]], id="the system message does not count"),
        pytest.param("chat", [user(), calls("a"), tool("a"), user("x")], 2, [user("x")], id="calls are whole"),
        pytest.param("chat", [user(), calls("a"), tool("a")], 1, None, id="the last call is kept, and its question"),
        pytest.param("messages", TALK, 2, TALK[4:], id="a Messages history begins with a user"),
        pytest.param("messages", [*TALK, says("6")], 2, TALK[4:] + [says("6")], id="and may end with an assistant"),
        pytest.param("messages", [user(), uses("a"), result("a")], 1, None, id="with its question in front"),
        pytest.param("messages", [says("1"), says("2"), says("3")], 2, None, id="left whole where none is a user's"),
        pytest.param("chat", [tool("a"), tool("b")], 1, None, id="nothing would be left"),
        pytest.param("chat", "odd", 2, None, id="no list"),
        pytest.param("chat", [1, None, "x", {}], 2, ["x", {}], id="odd members"),
    ],
)
def test_what_stays(shape, payload, limit, expected):
    assert shortened(shape, {"messages": payload}, limit, 1) == expected


def test_responses():
    items = [{"type": "function_call", "call_id": "a"}, {"type": "function_call_output", "call_id": "a"}, user("x")]
    assert shortened("responses", {"input": items}, 2, 1) == [user("x")]
    assert shortened("responses", {"input": "text"}, 2, 1) is None
    for stored in ("previous_response_id", "conversation"):
        assert shortened("responses", {"input": items, stored: "x"}, 1, 1) is None
        assert shortened("responses", {"input": items, stored: None}, 2, 1) is not None


def test_the_beginning_stays_the_same_for_a_whole_step():
    history, firsts, sizes = [], [], []
    for turn in range(40):
        history = [*history, user(f"q{turn}"), says(f"a{turn}")]
        kept = shortened("chat", {"messages": history}, 20, 10) or history
        firsts.append(kept[0]["content"])
        sizes.append(len(kept))
    assert max(sizes) <= 20
    assert sizes[-1] > 10
    # 80 messages, 60 dropped at least, 10 at a time.
    assert len(set(firsts)) == 7


MESSAGES = st.one_of(
    st.sampled_from([SYSTEM, user(), says(), calls("a"), calls("b"), tool("a"), tool("b"), uses("a"), result("a")]),
    st.sampled_from([None, 1, "x", {}, {"role": 7}, {"role": "tool"}, {"content": {}}]),
)


@given(
    st.sampled_from(["chat", "responses", "messages"]),
    st.lists(MESSAGES, max_size=25),
    st.integers(1, 8),
    st.integers(1, 8),
)
def test_laws(shape, messages, limit, step):
    messages = [dict(m) if isinstance(m, dict) else [m] for m in messages]  # every one an object of its own
    key = key_of(shape)
    kept = shortened(shape, {key: messages}, limit, min(step, limit))
    if kept is None:
        return
    assert len(kept) < len(messages)
    rest = iter(messages)
    assert all(any(one is other for other in rest) for one in kept), "in order, nothing made up"
    # Each unit of the old history is there whole or not at all; only the first user's question may stand alone.
    there = {id(one) for one in kept}
    plain = [id(m) for m in messages if isinstance(m, dict) and m.get("content") == "u"]
    first_user = next(iter(plain), 0)
    lead = next((at for at, m in enumerate(messages) if not (isinstance(m, dict) and m.get("role") == "system")), 0)
    for unit in groups(messages[lead:]):
        members = {id(one) for one in messages[lead:][unit]}
        assert members <= there or not (members - {first_user}) & there
    assert shortened(shape, {key: kept}, limit, min(step, limit)) is None, "once is enough"
