import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace.wire.usage import Usage
from tailrace.wire.whole import WholeFacts, error_of, read_whole


@pytest.mark.parametrize(
    ("shape", "body", "expected"),
    [
        (
            "chat",
            {
                "id": "c",
                "model": "m",
                "choices": [{"index": 1, "finish_reason": "length"}, {"index": 0, "finish_reason": "stop"}],
                "usage": {"prompt_tokens": 1, "completion_tokens": 2},
            },
            WholeFacts("c", "m", ["stop", "length"], Usage(1, 2)),
        ),
        ("completions", {"id": "c", "choices": [{"finish_reason": "stop"}]}, WholeFacts("c", None, ["stop"])),
        (
            "responses",
            {
                "id": "r",
                "model": "m",
                "status": "completed",
                "error": None,
                "usage": {"input_tokens": 1, "output_tokens": 2},
            },
            WholeFacts("r", "m", ["completed"], Usage(1, 2)),
        ),
        (
            "responses",
            {"status": "incomplete", "incomplete_details": {"reason": "content_filter"}},
            WholeFacts(finish_reasons=["content_filter"]),
        ),
        (
            "responses",
            {"status": "failed", "error": {"code": "x", "message": "y"}},
            WholeFacts(finish_reasons=["failed"], error={"code": "x", "message": "y"}),
        ),
        (
            "messages",
            {"id": "m1", "model": "c", "stop_reason": "end_turn", "usage": {"input_tokens": 3, "output_tokens": 4}},
            WholeFacts("m1", "c", ["end_turn"], Usage(3, 4)),
        ),
        (
            "messages",
            {"type": "error", "error": {"type": "overloaded_error", "message": "no"}},
            WholeFacts(error={"type": "overloaded_error", "message": "no"}),
        ),
        (
            "embeddings",
            {"model": "e", "usage": {"prompt_tokens": 8, "total_tokens": 8}},
            WholeFacts(None, "e", [], Usage(8, 0)),
        ),
        ("chat", {"id": 5, "model": "", "choices": {}, "usage": []}, WholeFacts()),
        ("chat", [], WholeFacts()),
        ("chat", None, WholeFacts()),
    ],
)
def test_read_whole(shape, body, expected):
    assert read_whole(shape, body) == expected


@pytest.mark.parametrize(
    ("told", "error"),
    [
        ({"error": {"message": "a"}}, {"message": "a"}),
        ({"error": "a"}, {"message": "a"}),
        ({"error": None}, None),
        ({"error": ""}, None),
        ({"error": {}}, {}),
        (
            {"type": "error", "message": "a", "code": "c", "sequence_number": 3},
            {"type": "error", "message": "a", "code": "c"},
        ),
        ({"object": "error", "message": "a", "type": "t"}, {"message": "a", "type": "t"}),
        ({"type": "response.failed", "response": {"error": {"code": "c"}}}, {"code": "c"}),
        ({"type": "response.failed", "response": {"error": None}}, {"message": "the response failed"}),
        ({"type": "response.completed", "response": {"error": None}}, None),
        ({"choices": []}, None),
    ],
)
def test_error_of(told, error):
    assert error_of(told) == error


fields = st.sampled_from(
    [
        "id",
        "model",
        "choices",
        "usage",
        "error",
        "status",
        "incomplete_details",
        "stop_reason",
        "type",
        "index",
        "finish_reason",
    ]
)
bodies = st.recursive(
    st.none() | st.integers() | st.text(max_size=3) | st.sampled_from(["error", "stop"]),
    lambda inner: st.dictionaries(fields, inner, max_size=5) | st.lists(inner, max_size=3),
    max_leaves=15,
)


@given(st.sampled_from(["chat", "completions", "responses", "messages", "embeddings"]), bodies)
def test_odd_bodies_never_raise(shape, body):
    facts = read_whole(shape, body)
    assert all(type(reason) is str for reason in facts.finish_reasons)
