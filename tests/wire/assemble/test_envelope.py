import pytest

from tailrace.wire.assemble.envelope import Envelope, grow_logprobs, keep_last


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, 2], 2),
        ([None, "a", None], "a"),
        (["a", ""], "a"),
        ([0], 0),
        ([5, 0], 0),
        ([True, False], False),
        ([None], None),
        ([[1], [2]], [2]),
        ([[1], []], [1]),
        ([{"a": 1}, {"b": 2}, {}], {"a": 1, "b": 2}),
        ([{}], {}),
    ],
)
def test_keep_last(values, expected):
    into = {}
    for value in values:
        keep_last(into, "field", value)
    assert into == {"field": expected}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([{}], {}),
        ([{"logprobs": None}], {"logprobs": None}),
        (
            [{"logprobs": None}, {"logprobs": {"content": [1], "refusal": None}}, {"logprobs": {"content": [2]}}, {}],
            {"logprobs": {"content": [1, 2], "refusal": None}},
        ),
        ([{"logprobs": {"content": [1]}}, {"logprobs": {"content": None}}], {"logprobs": {"content": [1]}}),
    ],
)
def test_grow_logprobs(given, expected):
    choice = {}
    for one in given:
        grow_logprobs(choice, one)
    assert choice == expected


def test_the_envelope():
    envelope = Envelope()
    chunks = [
        {"id": "", "created": 0, "model": "", "choices": [], "filters": [1]},
        {"id": "a", "created": 5, "model": "m", "choices": [{"index": 1}, "junk", {"index": "x"}], "usage": None},
        {"id": "b", "created": 6, "model": "n", "object": "o", "obfuscation": "x", "choices": None, "usage": {"t": 1}},
    ]
    assert [list(envelope.open(chunk)) for chunk in chunks] == [[], [(1, {"index": 1}), (0, {"index": "x"})], []]
    assert envelope.answer("kind", []) == {
        "id": "a",
        "created": 5,
        "model": "m",
        "object": "kind",
        "choices": [],
        "usage": {"t": 1},
        "filters": [1],
    }
    assert list(envelope.open("junk")) == []
