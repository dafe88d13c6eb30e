import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.responses import ResponseStreamEvent
from pydantic import TypeAdapter

from tailrace.wire import sse
from tailrace.wire.assemble import ResponsesAssembler
from tailrace.wire.replay import stream_events

text = st.text(max_size=12)
parts = st.one_of(
    st.fixed_dictionaries(
        {"type": st.just("output_text"), "text": text},
        optional={
            "annotations": st.lists(st.just({"type": "url_citation", "url": "u"}), max_size=2),
            "logprobs": st.just([]),
        },
    ),
    st.fixed_dictionaries({"type": st.just("refusal"), "refusal": text}),
    st.just({"type": "brand_new", "data": [1]}),
)
status = st.sampled_from(["completed", "incomplete"])
items = st.one_of(
    st.fixed_dictionaries(
        {
            "type": st.just("message"),
            "id": text,
            "role": st.just("assistant"),
            "status": status,
            "content": st.lists(parts, max_size=2),
        }
    ),
    st.fixed_dictionaries(
        {
            "type": st.just("function_call"),
            "id": text,
            "call_id": text,
            "name": text,
            "arguments": text,
            "status": status,
        }
    ),
    st.fixed_dictionaries(
        {"type": st.just("custom_tool_call"), "id": text, "call_id": text, "name": text, "input": text}
    ),
    st.fixed_dictionaries({"type": st.just("mcp_call"), "id": text, "arguments": text, "output": st.none() | text}),
    st.fixed_dictionaries(
        {
            "type": st.just("reasoning"),
            "id": text,
            "summary": st.lists(st.builds(lambda t: {"type": "summary_text", "text": t}, text)),
        },
        optional={
            "content": st.lists(st.builds(lambda t: {"type": "reasoning_text", "text": t}, text), max_size=2),
            "encrypted_content": st.none() | text,
        },
    ),
    st.fixed_dictionaries(
        {"type": st.just("web_search_call"), "id": text, "status": status, "action": st.just({"query": "q"})}
    ),
)
answers = st.fixed_dictionaries(
    {
        "id": text,
        "object": st.just("response"),
        "status": st.sampled_from(["completed", "incomplete", "failed"]),
        "model": text,
        "output": st.lists(items, max_size=3),
        "usage": st.none() | st.just({"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}),
    },
    optional={
        "error": st.none(),
        "incomplete_details": st.none() | st.just({"reason": "max_output_tokens"}),
        "metadata": st.just({}),
    },
)


def told(answer, piece_chars):
    frames = list(stream_events("responses", answer, include_usage=False, piece_chars=piece_chars))
    events = [sse.parse(frame) for frame in frames]
    assert [event.event for event in events] == [event.json["type"] for event in events]
    return [event.json for event in events]


def assembled(events):
    heard = ResponsesAssembler()
    for event in events:
        heard.feed(event)
    return heard.result()


@given(answers, st.integers(0, 4))
def test_assembling_the_replay_gives_the_answer(answer, piece_chars):
    events = told(answer, piece_chars)
    assert assembled(events) == answer
    assert [event["sequence_number"] for event in events] == list(range(len(events)))


@given(answers, st.integers(0, 4))
def test_the_items_can_be_built_without_the_final_events(answer, piece_chars):
    events = told(answer, piece_chars)[:-1]
    assert assembled(events)["output"] == answer["output"]
    # Nor without the `done` events that repeat a whole: the deltas alone suffice, but for status and unknown parts.
    deltas = [event for event in events if not event["type"].endswith(".done")]
    for built, item in zip(assembled(deltas)["output"], answer["output"], strict=True):
        assert {**built, "status": None} == {**item, "status": None}


ANSWER = {
    "id": "resp_1",
    "object": "response",
    "created_at": 5.0,
    "status": "completed",
    "model": "m",
    "output": [
        {"id": "rs_1", "type": "reasoning", "summary": [{"type": "summary_text", "text": "so it is"}]},
        {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "status": "completed",
            "content": [{"type": "output_text", "text": "Grüße 😀", "annotations": [], "logprobs": []}],
        },
        {
            "id": "fc_1",
            "type": "function_call",
            "call_id": "c",
            "name": "f",
            "arguments": '{"x":1}',
            "status": "completed",
        },
    ],
    "parallel_tool_calls": True,
    "tool_choice": "auto",
    "tools": [],
    "usage": {
        "input_tokens": 1,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": 2,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 3,
    },
}


@pytest.mark.parametrize("piece_chars", [0, 1, 5])
def test_every_event_is_one_openai_s_sdk_knows(piece_chars):
    adapter = TypeAdapter(ResponseStreamEvent)
    for event in told(ANSWER, piece_chars):
        parsed = adapter.validate_python(event)
        assert parsed.type == event["type"]
    assert parsed.response.output_text == "Grüße 😀"


@pytest.mark.parametrize(
    ("status", "name"),
    [("completed", "response.completed"), ("incomplete", "response.incomplete"), ("failed", "response.failed")],
)
def test_the_last_event_says_how_it_ended(status, name):
    last = told({**ANSWER, "status": status}, 0)[-1]
    assert last["type"] == name
    assert last["response"]["status"] == status


def test_items_and_parts_begin_empty():
    events = told(ANSWER, 0)
    items = [event["item"] for event in events if event["type"] == "response.output_item.added"]
    assert [item.get("summary", item.get("content", item.get("arguments"))) for item in items] == [[], [], ""]
    assert [item.get("status") for item in items] == [None, "in_progress", "in_progress"]
    parts = [event["part"]["text"] for event in events if event["type"].endswith("part.added")]
    assert parts == ["", ""]
