import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace.wire.assemble.toolcalls import ToolCalls


def delta(index=None, id_=None, name=None, arguments=None, **more):
    made = {"function": {key: value for key, value in (("name", name), ("arguments", arguments)) if value is not None}}
    if index is not None:
        made["index"] = index
    if id_ is not None:
        made["id"] = id_
    return {**made, **more}


def merged(*chunks):
    calls = ToolCalls()
    for chunk in chunks:
        calls.add(chunk)
    return [
        (call.get("id"), call["function"].get("name"), call["function"].get("arguments")) for call in calls.result()
    ]


@pytest.mark.parametrize(
    ("chunks", "expected"),
    [
        pytest.param(
            [[delta(0, "a", "f", "")], [delta(0, None, None, "{")], [delta(0, None, None, "}")]],
            [("a", "f", "{}")],
            id="openai",
        ),
        pytest.param(
            [[delta(0, "a", "get_")], [delta(0, "a", "time")], [delta(0, "", None, "{}")]],
            [("a", "get_time", "{}")],
            id="split name",
        ),
        pytest.param(
            [[delta(1, "b", "g", "{}"), delta(0, "a", "f", "{}")]],
            [("a", "f", "{}"), ("b", "g", "{}")],
            id="index decides the order",
        ),
        pytest.param(
            [[delta(0, "a", "f", "{}")], [delta(0, "b", "g", "{")], [delta(0, "b", None, "}")]],
            [("a", "f", "{}"), ("b", "g", "{}")],
            id="index reused, id and name",
        ),
        pytest.param(
            [[delta(0, "a", "f", "{")], [delta(0, "b", "g", "{}")], [delta(0, "a", None, "}")]],
            [("a", "f", "{"), ("b", "g", "{}}")],
            id="index reused: without a name it goes on",
        ),
        pytest.param(
            [[delta(0, "a", "f", "{}")], [delta(0, None, "g", "{}")]],
            [("a", "f", "{}"), (None, "g", "{}")],
            id="index reused, no id",
        ),
        pytest.param(
            [[delta(0, None, "f", "{}")], [delta(0, None, "f", "{}")]],
            [(None, "f", "{}"), (None, "f", "{}")],
            id="the same call twice",
        ),
        pytest.param(
            [[delta(0, "a", "f", "{")], [delta(0, "a", "f", "}")]],
            [("a", "f", "{}")],
            id="name repeated with every delta",
        ),
        pytest.param(
            [[delta(0, None, "f", "{")], [delta(0, None, "f", "}")]], [(None, "f", "{}")], id="name repeated, no id"
        ),
        pytest.param(
            [[delta(0, "x1", "f", "{")], [delta(0, "x2", None, "}")]],
            [("x1", "f", "{}")],
            id="an id invented for every delta",
        ),
        pytest.param(
            [[delta(None, "a", "f", "{}")], [delta(None, "b", "g", "{}")]],
            [("a", "f", "{}"), ("b", "g", "{}")],
            id="no index, ids",
        ),
        pytest.param(
            [[delta(None, "a", "f", "{")], [delta(None, "a", None, "}")], [delta(None, None, None, " ")]],
            [("a", "f", "{} ")],
            id="no index, goes on",
        ),
        pytest.param(
            [[delta(None, None, "f", ""), delta(None, None, "g", "")]],
            [(None, "f", ""), (None, "g", "")],
            id="two bare calls in one chunk",
        ),
        pytest.param(
            [[delta(None, None, "f", "{}")], [delta(None, None, "g", "{}")]],
            [(None, "f", "{}"), (None, "g", "{}")],
            id="bare calls in two chunks",
        ),
        pytest.param(
            [[delta(None, None, "get_")], [delta(None, None, "time", "{}")]],
            [(None, "get_time", "{}")],
            id="bare split name",
        ),
        pytest.param([[delta(0, "a", "f", "{}"), "junk", None]], [("a", "f", "{}")], id="junk"),
        pytest.param(
            [[delta(0, "a", "f", "{")], [delta(0, "b", "g", "{}")], [delta(0, "a", "f")], [delta(0, None, None, "}")]],
            [("a", "f", "{}"), ("b", "g", "{}")],
            id="index reused: back to the first by its id",
        ),
        pytest.param([[delta(0, "a", "f", {"x": 1})]], [("a", "f", '{"x":1}')], id="arguments as an object"),
        pytest.param([[delta(0, "a", "f")]], [("a", "f", None)], id="no arguments ever"),
    ],
)
def test_which_call_a_delta_belongs_to(chunks, expected):
    assert merged(*chunks) == expected


def test_type_custom_tools_and_unknown_fields():
    calls = ToolCalls()
    calls.add([{"index": 0, "id": "a", "function": {"name": "f", "arguments": "{}"}, "extra_content": {"sig": "x"}}])
    calls.add([{"index": 1, "id": "b", "type": "custom", "custom": {"name": "sql", "input": "SEL"}}])
    calls.add([{"index": 1, "custom": {"input": "ECT"}}])
    assert len(calls) == 2
    assert calls.result() == [
        {"id": "a", "function": {"name": "f", "arguments": "{}"}, "extra_content": {"sig": "x"}, "type": "function"},
        {"id": "b", "type": "custom", "custom": {"name": "sql", "input": "SELECT"}},
    ]


calls_made = st.lists(
    st.tuples(st.text("fg", min_size=1, max_size=3), st.text('{"a\\}', max_size=6)), min_size=1, max_size=4
)


@given(calls_made, st.randoms(use_true_random=False), st.booleans())
def test_openai_deltas_in_any_interleaving(made, random, late_id):
    queues = []
    for index, (name, arguments) in enumerate(made):
        pieces = [delta(index, None, None, character) for character in arguments]
        queues.append([delta(index, f"id{index}", name, ""), *pieces])
    calls = ToolCalls()
    while any(queues):
        queue = random.choice([one for one in queues if one])
        calls.add([queue.pop(0)])
    expected = [
        {"id": f"id{index}", "type": "function", "function": {"name": name, "arguments": arguments}}
        for index, (name, arguments) in enumerate(made)
    ]
    assert calls.result() == expected


fields = st.sampled_from(["index", "id", "type", "function", "custom", "name", "arguments", "input"])
junk = st.recursive(
    st.none() | st.booleans() | st.integers(0, 2) | st.text("ab{", max_size=2),
    lambda inner: st.dictionaries(fields, inner, max_size=4) | st.lists(inner, max_size=2),
    max_leaves=8,
)


@given(st.lists(st.lists(junk, max_size=3), max_size=5))
def test_junk_never_raises(chunks):
    calls = ToolCalls()
    for chunk in chunks:
        calls.add(chunk)
    assert len(calls.result()) == len(calls)
