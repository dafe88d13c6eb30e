import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace.wire.tools import groups, keep_last

SYSTEM = {"role": "system", "content": "s"}
DEVELOPER = {"role": "developer", "content": "d"}


def user(text="u"):
    return {"role": "user", "content": text}


def says(text="a"):
    return {"role": "assistant", "content": text}


def calls(*ids):
    return {"role": "assistant", "content": None, "tool_calls": [{"id": id_, "type": "function"} for id_ in ids]}


def tool(id_):
    return {"role": "tool", "tool_call_id": id_, "content": "r"}


def uses(*ids):
    return {"role": "assistant", "content": [{"type": "text"}, *({"type": "tool_use", "id": id_} for id_ in ids)]}


def results(*ids):
    return {"role": "user", "content": [{"type": "tool_result", "tool_use_id": id_} for id_ in ids]}


def item(kind, **fields):
    return {"type": kind, **fields}


def lengths(messages):
    found = groups(messages)
    assert [index for one in found for index in range(one.start, one.stop)] == list(range(len(messages)))
    return [one.stop - one.start for one in found]


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        pytest.param([], [], id="nothing"),
        pytest.param([SYSTEM, user(), says()], [1, 1, 1], id="plain talk"),
        pytest.param([user(), calls("a", "b"), tool("a"), tool("b"), says()], [1, 3, 1], id="parallel calls"),
        pytest.param([calls("a", "b"), tool("b"), tool("a")], [3], id="answers in another order"),
        pytest.param([calls("a"), user(), tool("a")], [3], id="something between"),
        pytest.param([calls("a"), tool("a"), calls("a"), tool("a")], [2, 2], id="an id used again"),
        pytest.param([calls("a"), calls("b"), tool("a"), tool("b")], [4], id="overlapping units are one"),
        pytest.param([calls("a"), says()], [1, 1], id="a call never answered"),
        pytest.param([tool("x"), user()], [1, 1], id="an orphan"),
        pytest.param([calls("a"), tool("a"), tool("x")], [2, 1], id="an orphan behind a unit"),
        pytest.param(
            [user(), {"role": "assistant", "function_call": {"name": "f"}}, {"role": "function"}], [1, 2], id="legacy"
        ),
        pytest.param([calls("a"), {"role": "tool", "content": "r"}], [2], id="an answer without an id"),
        pytest.param([user(), uses("a", "b"), results("a", "b"), says()], [1, 2, 1], id="anthropic"),
        pytest.param(
            [item("reasoning"), item("function_call", call_id="a"), item("function_call_output", call_id="a"), user()],
            [3, 1],
            id="responses with reasoning",
        ),
        pytest.param(
            [
                item("function_call", call_id="a"),
                item("custom_tool_call", call_id="b"),
                item("function_call_output", call_id="a"),
                item("custom_tool_call_output", call_id="b"),
            ],
            [4],
            id="responses in parallel",
        ),
        pytest.param(
            [item("local_shell_call", call_id="a"), item("local_shell_call_output", id="a")],
            [2],
            id="local shell answers by id",
        ),
        pytest.param([item("web_search_call", id="w"), user()], [1, 1], id="the provider's own call has no answer"),
        pytest.param(
            [item("mcp_approval_request", id="m"), item("mcp_approval_response", approval_request_id="m")],
            [2],
            id="approval",
        ),
        pytest.param(
            [user(), "junk", None, {"role": "assistant", "tool_calls": ["junk", {"id": 5}]}], [1, 1, 1, 1], id="junk"
        ),
    ],
)
def test_groups(messages, expected):
    assert lengths(messages) == expected


TASK, MORE = user("task"), user("more")
A, RA, B, RB, END = calls("a"), tool("a"), calls("b"), tool("b"), says("end")


@pytest.mark.parametrize(
    ("messages", "limit", "expected"),
    [
        pytest.param([SYSTEM, TASK, END], 2, [SYSTEM, TASK, END], id="fits"),
        pytest.param([tool("x"), TASK], 5, [tool("x"), TASK], id="fits, orphan and all"),
        pytest.param(
            [SYSTEM, DEVELOPER, TASK, END, MORE], 1, [SYSTEM, DEVELOPER, MORE], id="instructions are not counted"
        ),
        pytest.param([TASK, END, SYSTEM, MORE], 2, [SYSTEM, MORE], id="later instructions are messages"),
        pytest.param([TASK, A, RA, MORE], 3, [A, RA, MORE], id="a unit that fits"),
        pytest.param([TASK, A, RA, MORE], 2, [MORE], id="a unit that does not"),
        pytest.param([TASK, A, RA, B, RB], 3, [TASK, B, RB], id="the first user message comes back"),
        pytest.param([TASK, A, RA, B, RB], 4, [TASK, B, RB], id="and takes a place"),
        pytest.param([TASK, A, RA, B, RB], 1, [TASK, B, RB], id="the last unit is kept though over the limit"),
        pytest.param([TASK, tool("x"), END, MORE], 3, [END, MORE], id="no orphan at the start"),
        pytest.param([TASK, tool("x"), tool("y"), END], 3, [TASK, END], id="no orphans after the first user message"),
        pytest.param([A, RA, B, RB], 2, [B, RB], id="no user message anywhere"),
        pytest.param(
            [TASK, uses("a"), results("a"), uses("b"), results("b")], 2, [TASK, uses("b"), results("b")], id="anthropic"
        ),
    ],
)
def test_keep_last(messages, limit, expected):
    assert keep_last(messages, limit) == expected


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_below_one_is_refused(limit):
    with pytest.raises(ValueError, match="limit"):
        keep_last([user()], limit)


ids = st.sampled_from("abc")
messages = st.lists(
    st.one_of(
        st.builds(user),
        st.builds(says),
        st.just(SYSTEM),
        st.lists(ids, min_size=1, max_size=2).map(lambda some: calls(*some)),
        ids.map(tool),
        st.lists(ids, min_size=1, max_size=2).map(lambda some: uses(*some)),
        st.lists(ids, min_size=1, max_size=2).map(lambda some: results(*some)),
        ids.map(lambda id_: item("function_call", call_id=id_)),
        ids.map(lambda id_: item("function_call_output", call_id=id_)),
        st.just(item("reasoning")),
    ),
    max_size=14,
)


@given(messages, st.integers(1, 10))
def test_keep_last_keeps_its_promises(history, limit):
    history = [dict(message) for message in history]
    kept = keep_last(history, limit)
    places = [next(place for place, message in enumerate(history) if message is one) for one in kept]
    assert places == sorted(set(places))
    lead = next((place for place, message in enumerate(history) if message.get("role") != "system"), len(history))
    assert places[:lead] == list(range(lead))
    body = history[lead:]
    if len(body) <= limit:
        assert kept == history
        return
    units = groups(body)
    inside = {place - lead for place in places[lead:]}
    first_user = next((place for place, message in enumerate(body) if message.get("content") == "u"), None)
    for unit in units:
        held = inside & set(range(unit.start, unit.stop))
        assert held in (set(), set(range(unit.start, unit.stop)), {first_user})
    last = units[-1].stop - units[-1].start
    assert len(inside) <= max(limit, last + 1)
