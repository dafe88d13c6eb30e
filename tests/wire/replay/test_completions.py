from hypothesis import given
from hypothesis import strategies as st
from openai.types import Completion

from tailrace.wire import sse
from tailrace.wire.assemble import CompletionsAssembler
from tailrace.wire.replay import stream_events

text = st.text(max_size=12)
logprobs = st.fixed_dictionaries(
    {"tokens": st.lists(text, max_size=3), "token_logprobs": st.lists(st.none() | st.floats(-9, 0), max_size=3)}
)
choices = st.fixed_dictionaries(
    {"text": text, "finish_reason": st.sampled_from([None, "stop", "length"])},
    optional={"logprobs": st.none() | logprobs, "prompt_token_ids": st.lists(st.integers(0, 9), max_size=2)},
)
answers = st.fixed_dictionaries(
    {
        "id": st.text(min_size=1, max_size=5),
        "object": st.just("text_completion"),
        "created": st.integers(1, 2**40),
        "model": st.text(min_size=1, max_size=5),
        "choices": st.lists(choices, max_size=3).map(
            lambda some: [{"index": at, **one} for at, one in enumerate(some)]
        ),
    },
    optional={
        "usage": st.just({"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}),
        "system_fingerprint": text,
    },
)


@given(answers, st.integers(0, 4), st.booleans())
def test_assembling_the_replay_gives_the_answer(answer, piece_chars, include_usage):
    frames = list(stream_events("completions", answer, include_usage=include_usage, piece_chars=piece_chars))
    heard = CompletionsAssembler()
    for frame in frames[:-1]:
        heard.feed(sse.parse(frame).json)
    expected = answer if include_usage else {key: value for key, value in answer.items() if key != "usage"}
    assert heard.result() == expected
    assert frames[-1] == sse.DONE


def test_the_chunks_are_what_openai_s_sdk_expects(events):
    answer = {
        "id": "c",
        "object": "text_completion",
        "created": 5,
        "model": "m",
        "choices": [{"index": 0, "text": "Once more", "logprobs": None, "finish_reason": "stop"}],
    }
    chunks = events(list(stream_events("completions", answer, include_usage=True, piece_chars=5)))
    assert "".join(Completion.construct(**chunk).choices[0].text for chunk in chunks) == "Once more"
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks] == [None, None, "stop"]
