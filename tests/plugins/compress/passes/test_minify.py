import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tailrace_plugins.compress.passes import minify
from tailrace_plugins.compress.passes.document import MARK

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


def pairs(text: str) -> Any:
    return json.loads(
        text, object_pairs_hook=list, parse_int=lambda t: ("number", t), parse_float=lambda t: ("number", t)
    )


@given(st.lists(VALUES) | st.dictionaries(st.text(), VALUES), st.sampled_from([None, 1, "\t"]), st.booleans())
def test_the_same_value_by_another_reader(value: Any, indent: Any, ascii_only: bool) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    made = minify.apply(text)
    if made is not None:
        assert len(made) < len(text)
        assert pairs(made) == pairs(text)
    elif MARK not in text and "\\ue000" not in text:
        assert len(json.dumps(value, separators=(",", ":"), ensure_ascii=ascii_only)) == len(text)


def test_lines() -> None:
    assert minify.apply('{"a": 1}\n{"b": 2}\n') == '{"a":1}\n{"b":2}'


def test_nothing_to_drop() -> None:
    assert minify.apply('{"a":1}') is None
    assert minify.apply("{'a': 1}") is None
