import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace.wire.assemble.deltas import fresh, grow, grow_content, settle


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["a", "b", "", "c"], "abc"),
        ([None, "a", None], "a"),
        ([None, None], None),
        (["a", 5], 5),
        ([5, 6], 6),
        ([{"x": "a"}, {"x": "b", "y": 1}], {"x": "ab", "y": 1}),
        ([[1], [2]], [1, 2]),
        (
            [[{"index": 0, "t": "a"}], [{"index": 1, "t": "b"}], [{"index": 0, "t": "c"}]],
            [{"index": 0, "t": "ac"}, {"index": 1, "t": "b"}],
        ),
        ([[{"t": "a"}], [{"t": "b"}]], [{"t": "a"}, {"t": "b"}]),
        (
            [{"id": "x", "type": "t", "data": "1"}, {"id": "x", "type": "t", "data": "2"}],
            {"id": "x", "type": "t", "data": "12"},
        ),
        ([True, {"a": "b"}, [1]], [1]),
    ],
)
def test_grow(values, expected):
    into = {}
    for value in values:
        grow(into, "field", value)
    assert settle(into) == {"field": expected}


def test_names_are_not_joined():
    into = {}
    for role in ("", "assistant", "assistant"):
        grow(into, "role", role)
    assert settle(into) == {"role": "assistant"}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["a", None, "b"], "ab"),
        ([[{"type": "text", "text": "a"}], [{"type": "text", "text": "b"}]], [{"type": "text", "text": "ab"}]),
        (
            [[{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]],
            [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}],
        ),
        (["a", [{"type": "text", "text": "b"}]], [{"type": "text", "text": "ab"}]),
        ([[{"type": "text", "text": "a"}], "b", ""], [{"type": "text", "text": "ab"}]),
        (
            ["", [{"type": "image", "url": "u"}], [{"type": "image", "url": "v"}]],
            [{"type": "image", "url": "u"}, {"type": "image", "url": "v"}],
        ),
        ([["odd"], [5]], ["odd", 5]),
        ([True, [5]], [5]),
        (
            [[{"type": "text", "text": "a"}], [{"type": "text", "text": "b"}, {"type": "text", "text": "c"}]],
            [{"type": "text", "text": "ab"}, {"type": "text", "text": "c"}],
        ),
    ],
)
def test_grow_content(values, expected):
    into = {}
    for value in values:
        grow_content(into, value)
    assert settle(into) == {"content": expected}


names = st.sampled_from(["a", "b", "index", "id", "type"])
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=10,
)


@given(values)
def test_fresh_settles_to_the_same_and_shares_nothing(value):
    copy = fresh(value)
    assert settle(copy) == value
    before = settle(fresh(value))
    if isinstance(copy, dict):
        grow(copy, "a", ["more"])
    if isinstance(copy, list):
        copy.append("more")
    assert value == before


@given(values, values)
def test_what_is_fed_is_never_changed(first, second):
    seen = settle(fresh([first, second]))
    into = {}
    grow(into, "a", first)
    grow(into, "a", second)
    grow_content(into, first)
    grow_content(into, second)
    assert [first, second] == seen
