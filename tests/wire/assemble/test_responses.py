import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace.wire.assemble import ResponsesAssembler


def assembled(*events):
    answer = ResponsesAssembler()
    for event in events:
        answer.feed(event)
    return answer.result()


def event(kind, **fields):
    return {"type": f"response.{kind}", "output_index": 0, **fields}


def added(**item):
    return event("output_item.added", item=item)


@pytest.mark.parametrize(
    ("events", "item"),
    [
        pytest.param(
            [
                added(type="mcp_call", arguments=""),
                event("mcp_call_arguments.delta", delta="{"),
                event("mcp_call_arguments.delta", delta="}"),
            ],
            {"type": "mcp_call", "arguments": "{}"},
            id="mcp arguments",
        ),
        pytest.param(
            [added(type="custom_tool_call", input=""), event("custom_tool_call_input.delta", delta="SEL")],
            {"type": "custom_tool_call", "input": "SEL"},
            id="custom tool input",
        ),
        pytest.param(
            [added(type="code_interpreter_call", code=None), event("code_interpreter_call_code.done", code="1+1")],
            {"type": "code_interpreter_call", "code": "1+1"},
            id="code, done only",
        ),
        pytest.param(
            [added(type="message", content=[]), event("refusal.delta", content_index=0, delta="No")],
            {"type": "message", "content": [{"type": "refusal", "refusal": "No"}]},
            id="refusal without its part",
        ),
        pytest.param(
            [
                added(type="message", content=[]),
                event("output_text.delta", content_index=0, delta="wrong"),
                event("output_text.done", content_index=0, text="right"),
                event("output_text.delta", content_index=1, delta="two"),
            ],
            {
                "type": "message",
                "content": [{"type": "output_text", "text": "right"}, {"type": "output_text", "text": "two"}],
            },
            id="done wins; second part",
        ),
        pytest.param(
            [
                added(type="reasoning"),
                event("reasoning_text.delta", content_index=0, delta="hm"),
                event("reasoning_summary_text.delta", summary_index=0, delta="so"),
                event("reasoning_summary_part.done", summary_index=0, part={"type": "summary_text", "text": "so."}),
            ],
            {
                "type": "reasoning",
                "content": [{"type": "reasoning_text", "text": "hm"}],
                "summary": [{"type": "summary_text", "text": "so."}],
            },
            id="reasoning",
        ),
        pytest.param(
            [added(type="x", a=1), event("output_item.done", item={"type": "x", "a": 2})],
            {"type": "x", "a": 2},
            id="item done",
        ),
        pytest.param(
            [event("function_call_arguments.delta", delta="{}")], {"arguments": "{}"}, id="an item nobody announced"
        ),
        pytest.param(
            [added(type="x"), event("web_search_call.searching"), event("brand.new.event")], {"type": "x"}, id="unknown"
        ),
    ],
)
def test_items_are_built(events, item):
    assert assembled(*events)["output"] == [item]


def test_the_final_response_wins_over_what_was_built():
    final = {"id": "r", "status": "completed", "output": [{"type": "message", "id": "final"}]}
    assert assembled(added(type="message"), {"type": "response.completed", "response": final}) == final


def test_the_latest_start_is_the_frame_of_a_cut_response():
    answer = assembled(
        {"type": "response.created", "response": {"id": "r", "status": "queued"}},
        {"type": "response.in_progress", "response": {"id": "r", "status": "in_progress", "output": []}},
        added(type="message"),
    )
    assert answer == {"id": "r", "status": "in_progress", "output": [{"type": "message"}]}


fields = st.sampled_from(
    [
        "response",
        "output",
        "item",
        "part",
        "content",
        "summary",
        "delta",
        "text",
        "content_index",
        "summary_index",
        "annotation",
    ]
)
kinds = st.sampled_from(
    [
        "created",
        "completed",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.done",
        "output_text.annotation.added",
        "reasoning_summary_text.delta",
        "function_call_arguments.delta",
        "",
    ]
)
junk = st.recursive(
    st.none() | st.integers(-1, 3) | st.text("ab", max_size=2),
    lambda inner: st.dictionaries(fields, inner, max_size=4) | st.lists(inner, max_size=3),
    max_leaves=12,
)


@given(
    st.lists(junk | st.builds(lambda kind, body: event(kind, **body), kinds, st.dictionaries(fields, junk)), max_size=6)
)
def test_junk_never_raises_and_is_never_changed(events):
    before = repr(events)
    assembled(*events)
    assert repr(events) == before
