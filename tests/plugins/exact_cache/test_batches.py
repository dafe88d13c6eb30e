import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace.wire import jsonio
from tailrace_plugins.exact_cache.batches import input_keys, inputs_of, joined, kept_rows, shares


@pytest.mark.parametrize(
    ("given_", "inputs"),
    [
        ("text", ["text"]),
        ("", [""]),
        (["a", "b", "a"], ["a", "b", "a"]),
        ([1, 2, 3], [[1, 2, 3]]),
        ([[1, 2], [3]], [[1, 2], [3]]),
        ([], None),
        (None, None),
        ({}, None),
        (3, None),
        (["a", 1], None),
        (["a", [1]], None),
        ([1, True], None),
        ([1.5], None),
        ([None], None),
    ],
)
def test_the_things_to_embed(given_, inputs):
    assert inputs_of({"input": given_}) == inputs


def test_no_input():
    assert inputs_of({}) is None


def test_each_input_has_its_own_key_whatever_stands_beside_it():
    keys = input_keys("base", ["a", "b", "a", [1, 2], [12], ["1", "2"], "[1,2]"])
    assert keys[0] == keys[2] and len(set(keys)) == 6
    assert input_keys("base", ["b"]) == keys[1:2] and input_keys("other", ["b"]) != keys[1:2]


def answer(*rows, **more):
    return {"object": "list", "model": "m", "data": list(rows), **more}


def row(index, embedding, **more):
    return {"object": "embedding", "index": index, "embedding": embedding, **more}


def test_rows_in_whatever_order():
    rows = kept_rows(answer(row(1, [0.5, -1e-7]), row(0, "AAAA")), 2)
    assert [one.split(b"\n", 1)[1] for one in rows] == [b'"AAAA"', b"[0.5,-1e-7]"]
    told = jsonio.loads(joined(rows, {"prompt_tokens": 1}))
    assert told["data"] == [row(0, "AAAA"), row(1, [0.5, -1e-7])]
    assert (told["object"], told["model"], told["usage"]) == ("list", "m", {"prompt_tokens": 1})


@pytest.mark.parametrize(
    "told",
    [
        answer(row(0, [1.0])),
        answer(row(0, [1.0]), row(1, [1.0]), row(2, [1.0])),
        answer(row(0, [1.0]), row(0, [2.0])),
        answer(row(0, [1.0]), row(2, [2.0])),
        answer(row(-1, [1.0]), row(0, [2.0])),
        answer(row(0, [1.0]), row(True, [2.0])),
        answer(row(0, [1.0]), row("1", [2.0])),
        answer(row(0, [1.0]), {"embedding": [1.0]}),
        answer(row(0, [1.0]), {"index": 1}),
        answer(row(0, [1.0]), row(1, [])),
        answer(row(0, [1.0]), row(1, None)),
        answer(row(0, [1.0]), "odd"),
        {"data": {}},
        {"data": None},
        {},
        {"error": {}},
        None,
        [],
        "text",
    ],
)
def test_what_is_no_answer_to_two_inputs(told):
    assert kept_rows(told, 2) is None


def test_what_the_provider_says_around_stays():
    rows = kept_rows(answer(row(0, [1.0], extra={"a": 1})), 1)
    told = jsonio.loads(joined(rows, {"x": 1}, {"object": "list", "model": "m", "id": "embd-1"}))
    assert told["data"] == [row(0, [1.0], extra={"a": 1})] and told["id"] == "embd-1"


@given(st.integers(0, 10**6), st.lists(st.text(max_size=30) | st.lists(st.integers(), max_size=9), min_size=1))
def test_tokens_are_divided_exactly(tokens, inputs):
    given_ = shares(tokens, inputs)
    assert sum(given_) == tokens and len(given_) == len(inputs) and min(given_) >= 0


def test_tokens_are_divided_by_length():
    assert shares(10, ["aaaa", "a"]) == [8, 2] and shares(4, ["", ""]) == [2, 2]


VECTOR = st.lists(st.floats(-1, 1), min_size=1, max_size=4) | st.text("ABC+/=", min_size=1)


@given(st.lists(VECTOR, min_size=1, max_size=6), st.randoms())
def test_what_was_kept_is_what_comes_out(vectors, random):
    rows = [row(index, vector) for index, vector in enumerate(vectors)]
    random.shuffle(rows)
    told = jsonio.loads(joined(kept_rows(answer(*rows), len(rows)), {}))
    assert told["data"] == [row(index, vector) for index, vector in enumerate(vectors)]
