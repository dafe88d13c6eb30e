from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kept_kit import INSERTED, NOTE, edit

from tailrace.wire import jsonio
from tailrace_plugins.compress.chain import Edit
from tailrace_plugins.compress.hidden.nouns import Inserted
from tailrace_plugins.compress.kept import coding
from tailrace_plugins.compress.kept.coding import VERSION, Unreadable, _sum, dumped, loaded
from tailrace_plugins.compress.memory import Fold, Note

TEXTS = st.text(max_size=30)
INTS = st.integers(-(2**63), 2**64 - 1)
SCALARS = st.none() | st.booleans() | INTS | st.floats(allow_nan=False, allow_infinity=False) | TEXTS
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3))
MESSAGES = st.dictionaries(TEXTS, VALUES, max_size=4)
TURNS = st.lists(MESSAGES, max_size=2).map(tuple)
st.register_type_strategy(int, INTS)
st.register_type_strategy(str, TEXTS)
EDITS = st.builds(Edit, **{name: st.from_type(hint) for name, hint in get_type_hints(Edit).items()})
DECISIONS = st.lists(EDITS, max_size=3).map(tuple)
FOLDS = st.builds(Fold, INTS, INTS, MESSAGES, INTS, st.dictionaries(INTS, DECISIONS, max_size=2))
NOTES = st.builds(
    Note,
    inserted=st.none() | st.builds(Inserted, TURNS, TURNS, TURNS, st.booleans()),
    fold=st.none() | FOLDS,
    **{name: st.from_type(hint) for name, hint in get_type_hints(Note).items() if name not in ("inserted", "fold")},
)


def messages(note):
    """All that is sent of a note, as bytes."""
    parts = (
        ()
        if note is None or note.inserted is None
        else (*note.inserted.turns, *note.inserted.calls, *note.inserted.results)
    )
    parts += (note.fold.message,) if note is not None and note.fold is not None else ()
    return [jsonio.dumps(part) for part in parts]


@given(DECISIONS, st.none() | NOTES)
def test_what_is_dumped_comes_back(decision, note):
    data = dumped(decision, note)
    back = loaded(data)
    assert back == (decision, note)
    assert messages(back[1]) == messages(note), "the same keys in the same order"
    assert dumped(*back) == data
    assert [type(one.path) for one in back[0]] == [tuple] * len(decision)


def test_no_field_is_left_out():
    for kind in (Edit, Note, Fold, Inserted):
        assert all(f"{one.name}: " in coding._DECISION.form + coding._NOTE.form for one in fields(kind))


def test_other_fields_are_another_version():
    @dataclass
    class One:
        a: int
        b: Mapping[int, tuple[str, ...]]

    first = coding._coder(One)

    @dataclass
    class One:
        a: int
        b: Mapping[int, tuple[str, ...]]
        c: bool | None = None

    assert coding._coder(One).form not in (first.form, "")
    with pytest.raises(TypeError):
        coding._coder(set[int])


@pytest.mark.parametrize(
    "value",
    [2**64, -(2**63) - 1, float("nan"), float("inf"), "\ud800", ("a",), {1: "a"}, {"a": b"b"}, {1, 2}, object()],
    ids=lambda value: f"{type(value).__name__} {value}" if isinstance(value, (int, float)) else type(value).__name__,
)
def test_what_json_would_change_is_refused(value):
    with pytest.raises(Unreadable):
        dumped((), Note(Inserted(({"a": [value]},))))
    with pytest.raises(Unreadable):
        dumped((), Note(fold=Fold(0, 1, {"a": value})))


@pytest.mark.parametrize("value", [2**63, -(2**63), 2**64 - 1, 1e300, -0.0, 0.1, 1e22, 5e-324], ids=repr)
def test_numbers_that_json_holds(value):
    (one,) = loaded(dumped((), Note(Inserted(({"a": value},)))))[1].inserted.turns
    assert repr(one["a"]) == repr(value)


def test_texts_that_cannot_be_sent_are_refused():
    with pytest.raises(Unreadable):
        dumped((Edit((0,), "\udc00", 1, 1, ()),), None)
    with pytest.raises(Unreadable):
        dumped((Edit((2**70,), "", 1, 1, ()),), None)


def test_as_deep_as_is_read():
    def nested(levels):
        value = {}
        for _ in range(levels):
            value = {"a": value}
        return (), Note(Inserted((value,)))

    assert loaded(dumped(*nested(120))) == nested(120)
    for levels in (128, 300, 5000):
        with pytest.raises(Unreadable):
            dumped(*nested(levels))


@given(st.integers(0), st.integers(1, 255))
def test_one_byte_that_is_another(at, change):
    data = bytearray(dumped((edit(1),), NOTE))
    data[at % len(data)] ^= change
    with pytest.raises(Unreadable):
        loaded(bytes(data))


@given(st.binary(max_size=40))
def test_what_is_not_ours(data):
    with pytest.raises(Unreadable):
        loaded(data)


def test_cut_off():
    data = dumped((edit(1),), NOTE)
    for end in range(len(data)):
        with pytest.raises(Unreadable):
            loaded(data[:end])


@given(
    VALUES | st.tuples(st.just(VERSION), VALUES, VALUES) | st.tuples(st.just(VERSION), st.just([]), st.lists(VALUES))
)
def test_json_of_another_form(value):
    body = jsonio.dumps(value)
    try:
        decision, note = loaded(_sum(body) + body)
    except Unreadable:
        return
    assert value[0] == VERSION and dumped(decision, note)


def test_another_version():
    assert VERSION.encode() in dumped((), NOTE)
    for version in (b"1", b"12a4", b"true"):
        body = dumped((), NOTE)[4:].replace(VERSION.encode(), version, 1)
        with pytest.raises(Unreadable):
            loaded(_sum(body) + body)


def test_nothing_of_it_is_told():
    secret = "sesame"
    failures = []
    for work in (
        lambda: dumped((), Note(Inserted(({"a": secret, "b": 2**70},)))),
        lambda: loaded(dumped((), Note(Inserted(({"a": secret},))))[:-1]),
    ):
        with pytest.raises(Unreadable) as failure:
            work()
        failures.append(failure.value)
    for error in failures:
        while error is not None:
            assert secret not in str(error) and secret not in repr(vars(error))
            error = error.__context__


def test_inserted_that_is_empty_stays_itself():
    assert loaded(dumped((), Note(Inserted())))[1].inserted == Inserted()
    assert loaded(dumped((), Note())) == ((), Note())
    assert loaded(dumped((), None)) == ((), None)
    assert loaded(dumped((), Note(INSERTED)))[1].inserted == INSERTED
