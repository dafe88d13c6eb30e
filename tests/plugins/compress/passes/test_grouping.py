from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace_plugins.compress.passes.grouping import group, ungroup

SCALARS = st.none() | st.integers(0, 9)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab01"), inner, max_size=3),
    max_leaves=20,
)


@pytest.mark.parametrize(
    ("value", "grouped"),
    [
        (
            [[{"a": 1}, {"a": 2}], [{"a": 3}, {"a": 4}]],
            [{"0": {"a": 1}, "1": {"a": 2}}, {"0": {"a": 3}, "1": {"a": 4}}],
        ),
        ({"x": [{"at": [1, 2]}, {"at": [3, 4]}]}, {"x": [{"at": {"0": 1, "1": 2}}, {"at": {"0": 3, "1": 4}}]}),
        ([{"a": [1]}, {"a": [2]}], [{"a": {"0": 1}}, {"a": {"0": 2}}]),
        ([[1], [2, 3]], None),
        ([[], []], None),
        ([[1, 2]], None),
        ([{"a": [1]}, {"b": [1]}], None),
        ([{"a": 1}, {"a": 2}], None),
        ([list(range(17)), list(range(17))], None),
        ([[1, 2], [3, 4], {"0": 5, "1": 6}], None),
        ({"x": {"0": 1}, "y": [[1], [2]]}, None),
        (3, None),
    ],
)
def test_group(value: Any, grouped: Any) -> None:
    assert group(value) == grouped


@given(VALUES)
def test_what_is_grouped_can_be_undone(value: Any) -> None:
    grouped = group(value)
    if grouped is not None:
        assert grouped != value
        assert ungroup(grouped) == value
