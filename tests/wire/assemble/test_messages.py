from hypothesis import given
from hypothesis import strategies as st

from tailrace.wire.assemble import MessagesAssembler


def assembled(*events):
    answer = MessagesAssembler()
    for event in events:
        answer.feed(event)
    return answer.result()


def start(block, index=0):
    return {"type": "content_block_start", "index": index, "content_block": block}


def delta(index=0, **fields):
    return {"type": "content_block_delta", "index": index, "delta": fields}


def test_nothing_heard():
    assert assembled() == {
        "type": "message",
        "role": "assistant",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
    }


def test_a_start_that_brings_blocks_and_input_keeps_them():
    message = {"id": "m", "content": [{"type": "text", "text": "a"}]}
    answer = assembled({"type": "message_start", "message": message}, delta(type="text_delta", text="b"))
    assert answer["content"] == [{"type": "text", "text": "ab"}]
    tool = start({"type": "tool_use", "id": "t", "name": "n", "input": {"whole": 1}})
    assert assembled(tool)["content"][0]["input"] == {"whole": 1}


def test_a_repeated_start_loses_nothing():
    begin = {"type": "message_start", "message": {"id": "m", "content": [], "usage": {"output_tokens": 1}}}
    answer = assembled(begin, start({"type": "text", "text": "a"}), begin, delta(type="text_delta", text="b"))
    assert answer["content"] == [{"type": "text", "text": "ab"}]


def test_blocks_come_in_the_order_of_their_index():
    answer = assembled(start({"type": "text", "text": "b"}, 1), start({"type": "text", "text": "a"}, 0))
    assert [block["text"] for block in answer["content"]] == ["a", "b"]


def test_the_signature_is_replaced_and_unknown_deltas_are_joined():
    answer = assembled(
        start({"type": "thinking", "thinking": "", "signature": "old"}),
        delta(type="signature_delta", signature="new"),
        delta(type="mystery_delta", riddle="a", level=1),
        delta(type="mystery_delta", riddle="b", level=2),
    )
    assert answer["content"] == [{"type": "thinking", "thinking": "", "signature": "new", "riddle": "ab", "level": 2}]


def test_usage_null_keeps_what_was_known():
    answer = assembled(
        {
            "type": "message_start",
            "message": {"id": "m", "usage": {"input_tokens": 5, "output_tokens": 1, "tier": None}},
        },
        {"type": "message_delta", "delta": {}, "usage": {"input_tokens": None, "output_tokens": 9}},
    )
    assert answer["usage"] == {"input_tokens": 5, "output_tokens": 9, "tier": None}


def test_fields_of_message_delta():
    told = {"stop_reason": "stop_sequence", "stop_sequence": "END", "stop_details": {"a": 1}, "container": None}
    answer = assembled({"type": "message_delta", "delta": told, "context_management": {"applied_edits": []}})
    assert {**told, "context_management": {"applied_edits": []}}.items() <= answer.items()


fields = st.sampled_from(
    [
        "message",
        "content",
        "content_block",
        "delta",
        "index",
        "usage",
        "text",
        "partial_json",
        "citation",
        "id",
        "input",
    ]
)
kinds = st.sampled_from(["message_start", "content_block_start", "content_block_delta", "message_delta", "ping"])
junk = st.recursive(
    st.none() | st.integers(0, 3) | st.text("a{", max_size=2),
    lambda inner: st.dictionaries(fields, inner, max_size=4) | st.lists(inner, max_size=3),
    max_leaves=12,
)


@given(
    st.lists(
        junk | st.builds(lambda kind, body: {**body, "type": kind}, kinds, st.dictionaries(fields, junk)), max_size=5
    )
)
def test_junk_never_raises_and_is_never_changed(events):
    before = repr(events)
    assembled(*events)
    assert repr(events) == before
