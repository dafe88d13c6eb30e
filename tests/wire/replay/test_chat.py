import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletionChunk

from tailrace.wire import sse
from tailrace.wire.assemble import ChatAssembler
from tailrace.wire.replay import stream_events

text = st.text(max_size=12)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | text,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(text, inner, max_size=2),
    max_leaves=5,
)
tokens = st.lists(
    st.fixed_dictionaries(
        {"token": text, "logprob": st.floats(-9, 0), "bytes": st.lists(st.integers(0, 255), max_size=3)}
    ),
    max_size=3,
)
tool_calls = st.lists(
    st.one_of(
        st.fixed_dictionaries(
            {
                "id": text,
                "type": st.just("function"),
                "function": st.fixed_dictionaries({"name": text, "arguments": text}),
            },
            optional={"extra_content": json_values},
        ),
        st.fixed_dictionaries(
            {"id": text, "type": st.just("custom"), "custom": st.fixed_dictionaries({"name": text, "input": text})}
        ),
    ),
    min_size=1,
    max_size=3,
)
messages = st.fixed_dictionaries(
    {"role": st.just("assistant"), "content": st.none() | text},
    optional={
        "refusal": st.none() | text,
        "reasoning_content": st.none() | text,
        "reasoning": text,
        "tool_calls": st.none() | tool_calls,
        "function_call": st.fixed_dictionaries({"name": text, "arguments": text}),
        "annotations": st.lists(
            st.just({"type": "url_citation", "url_citation": {"url": "u", "start_index": 0}}), max_size=2
        ),
        "reasoning_details": st.lists(st.just({"type": "reasoning.text", "text": "t", "index": 0}), max_size=2),
        "audio": st.none() | st.just({"id": "a", "data": "AAAA", "transcript": "x", "expires_at": 5}),
        "some_vendors_field": json_values,
    },
)
choices = st.fixed_dictionaries(
    {"message": messages, "finish_reason": st.none() | st.sampled_from(["stop", "tool_calls", "length"])},
    optional={
        "logprobs": st.none() | st.fixed_dictionaries({"content": st.none() | tokens, "refusal": st.none() | tokens}),
        "content_filter_results": st.just({"hate": {"filtered": False}}),
        "stop_reason": st.none() | st.integers(0, 9),
    },
)
usage = st.just(
    {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7, "prompt_tokens_details": {"cached_tokens": 1}}
)
answers = st.fixed_dictionaries(
    {
        "id": st.text(min_size=1, max_size=5),
        "object": st.just("chat.completion"),
        "created": st.integers(1, 2**40),
        "model": st.text(min_size=1, max_size=5),
        "choices": st.lists(choices, max_size=3).map(
            lambda some: [{"index": at, **one} for at, one in enumerate(some)]
        ),
    },
    optional={
        "usage": usage,
        "system_fingerprint": st.none() | text,
        "service_tier": st.sampled_from([None, "default"]),
        "citations": st.lists(text, max_size=2),
        "prompt_filter_results": st.just([{"prompt_index": 0}]),
    },
)


@given(answers, st.integers(0, 4), st.booleans())
def test_assembling_the_replay_gives_the_answer(answer, piece_chars, include_usage):
    frames = list(stream_events("chat", answer, include_usage=include_usage, piece_chars=piece_chars))
    heard = ChatAssembler()
    for frame in frames[:-1]:
        heard.feed(sse.parse(frame).json)
    expected = answer if include_usage else {key: value for key, value in answer.items() if key != "usage"}
    assert heard.result() == expected
    assert frames[-1] == sse.DONE


ANSWER = {
    "id": "c1",
    "object": "chat.completion",
    "created": 5,
    "model": "m",
    "choices": [
        {
            "index": 0,
            "message": {
                "role": "assistant",
                "content": "Grüße 😀!",
                "refusal": None,
                "tool_calls": [
                    {"id": "a", "type": "function", "function": {"name": "f", "arguments": '{"x": 1}'}},
                    {"id": "b", "type": "function", "function": {"name": "g", "arguments": ""}},
                ],
            },
            "logprobs": {
                "content": [{"token": "x", "logprob": -1.0, "bytes": None, "top_logprobs": []}],
                "refusal": None,
            },
            "finish_reason": "tool_calls",
        },
        {
            "index": 1,
            "message": {"role": "assistant", "content": None, "refusal": "no"},
            "logprobs": None,
            "finish_reason": "stop",
        },
    ],
    "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7},
    "system_fingerprint": "fp",
    "citations": ["u"],
}


@pytest.mark.parametrize("piece_chars", [0, 1, 5])
def test_openai_s_own_sdk_gets_the_same_answer(events, piece_chars):
    state = ChatCompletionStreamState()
    for told in events(list(stream_events("chat", ANSWER, include_usage=True, piece_chars=piece_chars))):
        state.handle_chunk(ChatCompletionChunk.model_validate(told, strict=True))
    heard = state.current_completion_snapshot.model_dump(mode="json", exclude_none=True)
    for choice in heard["choices"]:
        for call in choice["message"].get("tool_calls") or ():
            assert call.pop("index") in (0, 1)
    assert heard == {**without_null(ANSWER), "citations": ["u"]}


def without_null(value):
    if isinstance(value, dict):
        return {key: without_null(member) for key, member in value.items() if member is not None}
    return [without_null(member) for member in value] if isinstance(value, list) else value


def test_usage_only_for_those_who_asked(events):
    without = events(list(stream_events("chat", ANSWER, include_usage=False)))
    assert all("usage" not in chunk and chunk["choices"] for chunk in without)
    with_usage = events(list(stream_events("chat", ANSWER, include_usage=True)))
    assert [chunk["usage"] for chunk in with_usage[:-1]] == [None] * (len(with_usage) - 1)
    assert with_usage[-1]["usage"] == ANSWER["usage"]
    assert with_usage[-1]["choices"] == []


def test_pieces_have_at_most_so_many_characters(events):
    chunks = events(list(stream_events("chat", ANSWER, include_usage=False, piece_chars=3)))
    texts = [chunk["choices"][0]["delta"].get("content") for chunk in chunks if chunk["choices"][0]["index"] == 0]
    assert [text for text in texts if text] == ["Grü", "ße ", "😀!"]
