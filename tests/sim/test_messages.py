import orjson
import pytest

from tailrace.sim import messages
from tailrace.sim.chat import Head
from tailrace.sim.errors import Refusal
from tailrace.sim.plan import Call, Choice, Usage
from tailrace.sim.prefix import Mark
from tailrace.sim.tokens import Tokenizer

HEAD = Head("msg_sim_1", "claude", 1)
MARK = {"cache_control": {"type": "ephemeral"}}
HOUR = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}
TOOL = {"name": "f", "input_schema": {"type": "object"}}
USE = {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": "f", "input": {}}]}
RESULT = {"type": "tool_result", "tool_use_id": "t1", "content": "found"}


def read(content="hi", **body):
    given = {"model": "claude", "max_tokens": 100, "messages": [{"role": "user", "content": content}], **body}
    return messages.read(given, Tokenizer())


def test_marks_point_at_the_segments_they_stand_on():
    made = read(
        [{"type": "text", "text": "a"}, {"type": "text", "text": "b", **MARK}],
        tools=[TOOL, {**TOOL, "name": "g", **HOUR}],
        system=[{"type": "text", "text": "s", **MARK}],
    )
    assert made.marks == (Mark(1, 3600.0), Mark(2, 300.0), Mark(4, 300.0))


def test_a_mark_does_not_change_what_is_cached():
    plain, marked = (
        read(tools=[{**TOOL, **more}], system=[{"type": "text", "text": "s", **more}]) for more in ({}, MARK)
    )
    assert [s.text for s in plain.segments] == [s.text for s in marked.segments]


@pytest.mark.parametrize("content", [[RESULT], [RESULT, {"type": "text", "text": "a reminder"}]])
def test_tool_results_go_on_with_the_round(content):
    user = {"role": "user", "content": "Do it"}
    made = read(messages=[user, USE, {"role": "user", "content": content}], tools=[TOOL])
    assert (made.rounds_done, made.results, made.question) == (1, ("found",), "Do it")


@pytest.mark.parametrize(
    ("choice", "expected"),
    [(None, ("auto", None)), ({"type": "any"}, ("required", None)), ({"type": "tool", "name": "f"}, ("auto", "f"))],
)
def test_tool_choice(choice, expected):
    made = read(tools=[TOOL], tool_choice=choice)
    assert (made.choice, made.forced) == expected


@pytest.mark.parametrize(
    "body",
    [{"max_tokens": None}, {"messages": []}, {"content": [RESULT]}, {"messages": [{"role": "robot"}]}, {"tools": [7]}],
)
def test_what_anthropic_refuses_is_refused(body):
    with pytest.raises(Refusal):
        read(**body)


def events(choice, usage=None):
    steps = list(messages.events(HEAD, choice, usage or Usage(10, 0, 2)))
    return [orjson.loads(step.data.split(b"\ndata: ")[1]) for step in steps]


def test_the_events_of_a_text():
    made = events(Choice(("Hel", "lo")))
    assert [event["type"] for event in made] == [
        "message_start",
        "ping",
        "content_block_start",
        "content_block_delta",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    assert made[-2]["delta"] == {"stop_reason": "end_turn", "stop_sequence": None}


def test_the_events_of_calls_and_thoughts():
    call = Call("call_1", "f", '{"path":"a"}')
    made = events(Choice(calls=(call,), finish="tool_calls", reasoning=("think",)))
    parts = [event["delta"].get("partial_json", "") for event in made if event["type"] == "content_block_delta"]
    assert "".join(parts) == call.arguments
    assert [e["content_block"]["type"] for e in made if e["type"] == "content_block_start"] == ["thinking", "tool_use"]
    assert made[-2]["delta"]["stop_reason"] == "tool_use"


def test_usage_adds_up_to_the_prompt():
    made = messages.written(HEAD, Choice(("a",)), Usage(5000, 2000, 1, written_5m=500, written_1h=100))["usage"]
    assert (made["input_tokens"], made["cache_read_input_tokens"], made["cache_creation_input_tokens"]) == (
        2400,
        2000,
        600,
    )
    assert made["cache_creation"] == {"ephemeral_5m_input_tokens": 500, "ephemeral_1h_input_tokens": 100}


@pytest.mark.parametrize(
    ("choice", "reason"),
    [
        (Choice(("a",)), "end_turn"),
        (Choice(("a",), finish="length"), "max_tokens"),
        (Choice(("a",), stopped_by="END"), "stop_sequence"),
        (Choice(("a",), refusal=True), "refusal"),
    ],
)
def test_stop_reasons(choice, reason):
    assert messages.written(HEAD, choice, Usage(1, 0, 1))["stop_reason"] == reason
