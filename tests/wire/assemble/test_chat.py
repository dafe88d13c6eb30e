from hypothesis import given
from hypothesis import strategies as st

from tailrace.wire.assemble import ChatAssembler


def assembled(*chunks):
    answer = ChatAssembler()
    for chunk in chunks:
        answer.feed(chunk)
    return answer.result()


def choice(delta, finish=None, index=0, **more):
    return {"choices": [{"index": index, "delta": delta, "finish_reason": finish, **more}]}


def test_nothing_heard():
    assert assembled() == {"object": "chat.completion", "choices": []}


def test_the_role_is_filled_in_and_content_is_null_when_never_sent():
    (only,) = assembled(choice({"refusal": "no"}))["choices"]
    assert only == {
        "index": 0,
        "message": {"role": "assistant", "content": None, "refusal": "no"},
        "finish_reason": None,
    }


def test_unknown_fields_survive():
    answer = assembled(
        {**choice({"role": "assistant", "mood": "go", "score": 1}, stop_reason=None), "provider": "p"},
        {**choice({"mood": "od", "score": 2, "notes": [1]}, stop_reason=7), "provider": None},
        choice({"notes": [2], "audio": {"id": "a", "data": "x"}}),
        choice({"audio": {"data": "y", "expires_at": 5}}),
    )
    assert answer["provider"] == "p"
    (only,) = answer["choices"]
    assert only["stop_reason"] == 7
    assert only["message"] == {
        "role": "assistant",
        "content": None,
        "mood": "good",
        "score": 2,
        "notes": [1, 2],
        "audio": {"id": "a", "data": "xy", "expires_at": 5},
    }


def test_a_whole_message_in_a_stream_of_one_chunk():
    whole = {"choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}]}
    (only,) = assembled(whole)["choices"]
    assert only["message"] == {"role": "assistant", "content": "hi"}
    # Perplexity repeats the message so far in every chunk, beside the delta.
    (only,) = assembled(choice({"role": "assistant", "content": "h"}), choice({"content": "i"}), whole)["choices"]
    assert only["message"]["content"] == "hi"


def test_usage_is_the_last_and_that_of_a_choice_counts():
    assert assembled({"usage": {"t": 1}}, {"usage": None}, {"usage": {"t": 2}})["usage"] == {"t": 2}
    assert assembled(choice({}, usage={"t": 3}))["usage"] == {"t": 3}
    assert "usage" not in assembled(choice({}, "stop"))


def test_no_tool_calls_stays_what_was_sent():
    (only,) = assembled(choice({"content": "a", "tool_calls": None}))["choices"]
    assert only["message"]["tool_calls"] is None
    (only,) = assembled(choice({"content": "a", "tool_calls": []}))["choices"]
    assert only["message"]["tool_calls"] == []


def test_a_stray_index_in_a_delta_is_not_part_of_the_message():
    (only,) = assembled(choice({"index": 0, "content": "a"}))["choices"]
    assert only["message"] == {"role": "assistant", "content": "a"}


def test_the_result_can_be_asked_for_in_the_middle():
    answer = ChatAssembler()
    answer.feed(choice({"content": "a"}))
    first = answer.result()
    answer.feed(choice({"content": "b"}, "stop"))
    assert first["choices"][0]["message"]["content"] == "a"
    assert answer.result() == answer.result()
    assert answer.result()["choices"][0]["message"]["content"] == "ab"


def test_a_long_answer_is_joined_in_linear_time():
    answer = ChatAssembler()
    for _ in range(300_000):
        answer.feed({"choices": [{"index": 0, "delta": {"content": "word "}}]})
    assert len(answer.result()["choices"][0]["message"]["content"]) == 1_500_000


fields = st.sampled_from(
    [
        "id",
        "choices",
        "index",
        "delta",
        "content",
        "tool_calls",
        "function_call",
        "logprobs",
        "usage",
        "message",
        "role",
    ]
)
junk = st.recursive(
    st.none() | st.booleans() | st.integers(0, 3) | st.text("ab", max_size=2),
    lambda inner: st.dictionaries(fields, inner, max_size=4) | st.lists(inner, max_size=3),
    max_leaves=14,
)


@given(st.lists(junk | junk.map(lambda given: {"choices": [{"delta": given}]}), max_size=5))
def test_junk_never_raises_and_is_never_changed(chunks):
    before = repr(chunks)
    assembled(*chunks)
    assert repr(chunks) == before
