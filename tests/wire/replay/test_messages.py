import pytest
from anthropic.lib.streaming._messages import accumulate_event
from anthropic.types import RawMessageStreamEvent
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from tailrace.wire import sse
from tailrace.wire.assemble import MessagesAssembler
from tailrace.wire.replay import stream_events

text = st.text(max_size=12)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | text,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(text, inner, max_size=2),
    max_leaves=6,
)
citations = st.lists(st.just({"type": "char_location", "cited_text": "x", "document_index": 0}), max_size=2)
blocks = st.one_of(
    st.fixed_dictionaries({"type": st.just("text"), "text": text}, optional={"citations": st.none() | citations}),
    st.fixed_dictionaries({"type": st.just("thinking"), "thinking": text}, optional={"signature": text}),
    st.fixed_dictionaries({"type": st.just("redacted_thinking"), "data": text}),
    st.fixed_dictionaries(
        {
            "type": st.sampled_from(["tool_use", "server_tool_use", "mcp_tool_use"]),
            "id": text,
            "name": text,
            "input": st.dictionaries(text, json_values, max_size=3),
        }
    ),
    st.fixed_dictionaries({"type": st.just("web_search_tool_result"), "tool_use_id": text, "content": json_values}),
)
answers = st.fixed_dictionaries(
    {
        "id": st.text(min_size=1, max_size=5),
        "type": st.just("message"),
        "role": st.just("assistant"),
        "model": text,
        "content": st.lists(blocks, max_size=4),
        "stop_reason": st.sampled_from(["end_turn", "tool_use", "refusal"]),
        "stop_sequence": st.none() | text,
    },
    optional={
        "usage": st.just(
            {"input_tokens": 3, "output_tokens": 9, "cache_read_input_tokens": 2, "service_tier": "standard"}
        ),
        "container": st.none() | st.just({"id": "c"}),
        "stop_details": st.none() | st.just({"type": "refusal"}),
        "context_management": st.just({"applied_edits": []}),
    },
)


@given(answers, st.integers(0, 4))
def test_assembling_the_replay_gives_the_answer(answer, piece_chars):
    heard = MessagesAssembler()
    for frame in stream_events("messages", answer, include_usage=False, piece_chars=piece_chars):
        event = sse.parse(frame)
        assert event.event == event.json["type"]
        heard.feed(event.json)
    assert heard.result() == answer


ANSWER = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-x",
    "content": [
        {"type": "thinking", "thinking": "Hm, so.", "signature": "c2ln"},
        {"type": "text", "text": "Grüße 😀", "citations": None},
        {"type": "tool_use", "id": "t1", "name": "look", "input": {"at": ["tree", 1.5]}},
        {"type": "tool_use", "id": "t2", "name": "wait", "input": {}},
    ],
    "stop_reason": "tool_use",
    "stop_sequence": None,
    "usage": {"input_tokens": 3, "output_tokens": 9, "cache_read_input_tokens": 2},
}


@pytest.mark.parametrize("piece_chars", [0, 1, 5])
def test_anthropic_s_own_sdk_gets_the_same_message(events, piece_chars):
    adapter, message, buffers = TypeAdapter(RawMessageStreamEvent), None, {}
    for told in events(list(stream_events("messages", ANSWER, include_usage=False, piece_chars=piece_chars))):
        event = adapter.validate_python(told)
        message = accumulate_event(event=event, current_snapshot=message, json_bufs=buffers)
    heard = message.model_dump(mode="json", exclude_unset=True)
    heard.pop("stop_details", None)
    assert heard == ANSWER


def test_the_final_usage_comes_last(events):
    told = events(list(stream_events("messages", ANSWER, include_usage=False)))
    assert told[0]["message"]["usage"]["output_tokens"] == 0
    assert told[-2]["usage"] == ANSWER["usage"]
    assert told[-1] == {"type": "message_stop"}


def test_blocks_begin_empty_and_an_empty_input_has_its_delta(events):
    told = events(list(stream_events("messages", ANSWER, include_usage=False)))
    begun = [event["content_block"] for event in told if event["type"] == "content_block_start"]
    assert [block.get("thinking", block.get("text", block.get("input"))) for block in begun] == ["", "", {}, {}]
    deltas = [event["delta"] for event in told if event["type"] == "content_block_delta" and event["index"] == 3]
    assert deltas == [{"type": "input_json_delta", "partial_json": ""}]
