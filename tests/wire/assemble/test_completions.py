from hypothesis import given
from hypothesis import strategies as st

from tailrace.wire.assemble import CompletionsAssembler, assembler


def assembled(*chunks):
    answer = CompletionsAssembler()
    for chunk in chunks:
        answer.feed(chunk)
    return answer.result()


def test_two_choices_and_unknown_fields():
    answer = assembled(
        {"id": "c", "model": "m", "created": 1, "choices": [{"index": 1, "text": "b"}, {"index": 0, "text": "a"}]},
        {"choices": [{"index": 0, "text": "A", "finish_reason": "stop", "token_ids": [1]}], "provider": "p"},
        {"choices": [{"index": 1, "text": None, "finish_reason": "length"}]},
    )
    assert answer == {
        "id": "c",
        "created": 1,
        "model": "m",
        "object": "text_completion",
        "choices": [
            {"text": "aA", "index": 0, "finish_reason": "stop", "token_ids": [1]},
            {"text": "b", "index": 1, "finish_reason": "length"},
        ],
        "provider": "p",
    }


def test_the_factory():
    kinds = {shape: type(assembler(shape)).__name__ for shape in ("chat", "completions", "responses", "messages")}
    assert kinds == {
        "chat": "ChatAssembler",
        "completions": "CompletionsAssembler",
        "responses": "ResponsesAssembler",
        "messages": "MessagesAssembler",
    }


fields = st.sampled_from(["choices", "index", "text", "logprobs", "usage", "finish_reason"])
junk = st.recursive(
    st.none() | st.integers(0, 3) | st.text("ab", max_size=2),
    lambda inner: st.dictionaries(fields, inner, max_size=4) | st.lists(inner, max_size=3),
    max_leaves=12,
)


@given(st.lists(junk, max_size=5))
def test_junk_never_raises_and_is_never_changed(chunks):
    before = repr(chunks)
    assembled(*chunks)
    assert repr(chunks) == before
