import json
import sys
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tailrace_plugins.compress.passes import tabular
from tailrace_plugins.compress.passes.document import Document, read
from tailrace_plugins.compress.passes.tabular import Table

CELLS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=6)
    | st.sampled_from(
        ["", " ", "-", "1", "1.0", "null", "a,b", "a\tb", "a|b", "- x", "[1]", "{", "a: b", "#", '"', "\\", "\n"]
    )
)
ROWS = st.lists(st.text(min_size=1, max_size=3), min_size=1, max_size=3, unique=True).flatmap(
    lambda keys: st.lists(st.fixed_dictionaries(dict.fromkeys(keys, CELLS)), min_size=1, max_size=4)
)
NESTED = st.recursive(
    ROWS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner | CELLS, max_size=3),
    max_leaves=6,
)


def document(value: Any) -> Document:
    made = read(value if isinstance(value, str) else json.dumps(value))
    assert made is not None
    return made


def table(value: Any, *, grouped: bool = True, below: int | None = None) -> Table | None:
    return tabular.apply(document(value), len, grouped=grouped, below=below)


USERS = [{"id": 1, "name": "Ada"}, {"id": 2, "name": "Bob"}]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (USERS, "[2]{id,name}:\n  1,Ada\n  2,Bob"),
        ({"users": USERS}, "users[2]{id,name}:\n  1,Ada\n  2,Bob"),
        (
            '[{"price": 1.0}, {"price": 12.50}, {"price": 1e3}, {"price": -0}]',
            "[4]{price}:\n  1.0\n  12.50\n  1e3\n  -0",
        ),
        (
            '[{"n": 123456789012345678901234567890}, {"n": 0.1000}]',
            "[2]{n}:\n  123456789012345678901234567890\n  0.1000",
        ),
        ([{"id": "1"}, {"id": "1.0"}], '[2]{id}:\n  "1"\n  "1.0"'),
        ('{"id": 1}\n{"id": 2}', "[2]{id}:\n  1\n  2"),
        ({"a": {"n": 1, "m": 2}, "b": {"n": 3, "m": 4}}, "[2:]{n,m}:\n  a: 1,2\n  b: 3,4"),
        ([{"a": {"x": 1, "y": 2}}, {"a": {"x": 3, "y": 4}}], "[2]{a{x,y}}:\n  1,2\n  3,4"),
        ([[{"n": 1}, {"n": 2}], [{"n": 3}, {"n": 4}]], '[2]{"0"{n},"1"{n}}:\n  1,2\n  3,4'),
        (
            [{"city": f"{name}, TX"} for name in ("Austin", "Dallas", "Houston")],
            "[3\t]{city}:\n  Austin, TX\n  Dallas, TX\n  Houston, TX",
        ),
    ],
)
def test_tables(value: Any, text: str) -> None:
    made = table(value)
    assert made is not None
    assert made.text == text
    assert made.tokens == len(text)
    assert made.grouped == ('"0"' in text)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("[]", "empty"),
        ("{}", "empty"),
        ([[[1], [2, 3]], [[4]]], "larger than compact JSON"),
        ([{"a": 1, "b": [{"c": 1}, {"d": [{}]}]}], "nothing uniform in it"),
        ([{"aa": 1, "bb": 2}, {"bb": 4, "aa": 3}], "another order of keys in the second row"),
    ],
)
def test_standing_aside(value: Any, why: str) -> None:
    assert table(value) is None, why


def test_groups_only_if_asked_for() -> None:
    value = [[{"number": 1}, {"number": 2}], [{"number": 3}, {"number": 4}]]
    assert table(value, grouped=False) is None
    made = table(value)
    assert made is not None
    assert made.grouped


def test_not_smaller_than_what_is_there() -> None:
    size = len("[2]{id,name}:\n  1,Ada\n  2,Bob")
    assert table(USERS, below=size) is None
    assert table(USERS, below=size + 1) is not None


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "toon_format", None)
    assert table(USERS) is None
    assert tabular.decode("a: 1") is None


def test_large_and_not_tabular_is_not_encoded(monkeypatch: pytest.MonkeyPatch) -> None:
    ragged = {"x": [{"kind": f"k{n}", f"only{n}": {"deep": [n] * (n % 3)}} for n in range(900)]}
    monkeypatch.setattr(tabular, "encode", lambda *_: pytest.fail("encoded"))
    assert table(ragged) is None


def test_large_and_tabular_is_encoded() -> None:
    made = table({"meta": {"page": 1}, "rows": [{"kind": f"k{n}", "size": n} for n in range(900)]})
    assert made is not None
    assert made.text.startswith("meta:\n  page: 1\nrows[900]{kind,size}:\n  k0,0\n")


def test_a_table_the_library_cannot_read_back_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tabular, "decode", lambda _: None)
    assert table(USERS) is None


@given(NESTED, st.booleans())
def test_each_table_is_the_same_data_by_the_library_alone(value: Any, grouped: bool) -> None:
    import toon_format

    assume(value)
    text = json.dumps(value)
    known = read(text)
    assume(known is not None)
    assert known is not None
    made = tabular.apply(known, len, grouped=grouped, below=10**9)
    if made is not None and not made.grouped:
        assert json.dumps(toon_format.loads(made.text, parse_float=float)) == text
