import pytest

from tailrace.telemetry.content import MOST_BYTES, content
from tailrace.wire import jsonio
from tailrace.wire.endpoints import CHAT, COMPLETIONS, EMBEDDINGS, MESSAGES, RESPONSES

INPUT, OUTPUT = "gen_ai.input.messages", "gen_ai.output.messages"
SYSTEM, TOOLS = "gen_ai.system_instructions", "gen_ai.tool.definitions"
REQUIRED = {
    "text": {"content"},
    "reasoning": {"content"},
    "tool_call": {"name"},
    "tool_call_response": {"response"},
}


def captured(endpoint, payload, answer=None):
    found = content(endpoint, payload, answer)
    read = {name: jsonio.loads(text) if isinstance(text, str) else text for name, text in found.items()}
    for message in [*read.get(INPUT, []), *read.get(OUTPUT, [])]:
        assert {"role", "parts"} <= set(message)
        for part in message["parts"]:
            assert REQUIRED.get(part["type"], set()) <= set(part)
    assert all("finish_reason" in message for message in read.get(OUTPUT, []))
    return read


def text(value):
    return {"type": "text", "content": value}


def test_chat():
    call = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"at": 1}'}}
    payload = {
        "messages": [
            {"role": "developer", "content": "be brief"},
            {
                "role": "user",
                "content": [{"type": "text", "text": "what?"}, {"type": "image_url", "image_url": "data:"}],
            },
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "c1", "content": "a cat"},
        ],
        "tools": [{"type": "function", "function": {"name": "look", "description": "d", "parameters": {}}}],
    }
    answer = {"choices": [{"message": {"role": "assistant", "content": "cat"}, "finish_reason": "stop"}]}
    assert captured(CHAT, payload, answer) == {
        INPUT: [
            {"role": "system", "parts": [text("be brief")]},
            {"role": "user", "parts": [text("what?"), {"type": "image_url", "modality": "image"}]},
            {
                "role": "assistant",
                "parts": [{"type": "tool_call", "id": "c1", "name": "look", "arguments": {"at": 1}}],
            },
            {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c1", "response": "a cat"}]},
        ],
        OUTPUT: [{"role": "assistant", "parts": [text("cat")], "finish_reason": "stop"}],
        TOOLS: [{"type": "function", "name": "look"}],
    }


def test_messages():
    payload = {
        "system": [{"type": "text", "text": "be brief"}],
        "messages": [
            {"role": "user", "content": "hi"},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "r"}]},
        ],
        "tools": [{"name": "look", "input_schema": {}}],
    }
    blocks = [
        {"type": "thinking", "thinking": "hm"},
        {"type": "tool_use", "id": "t", "name": "look", "input": {"a": 1}},
    ]
    found = captured(MESSAGES, payload, {"type": "message", "content": blocks, "stop_reason": "tool_use"})
    assert found[SYSTEM] == [text("be brief")]
    assert found[INPUT][1]["parts"] == [{"type": "tool_call_response", "id": "t", "response": "r"}]
    assert found[OUTPUT] == [
        {
            "role": "assistant",
            "parts": [
                {"type": "reasoning", "content": "hm"},
                {"type": "tool_call", "id": "t", "name": "look", "arguments": {"a": 1}},
            ],
            "finish_reason": "tool_call",
        }
    ]


def test_responses():
    payload = {
        "instructions": "be brief",
        "input": [
            {"role": "user", "content": [{"type": "input_text", "text": "hi"}]},
            {"type": "function_call", "call_id": "c", "name": "look", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c", "output": "r"},
        ],
    }
    output = [
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "ok"}]},
    ]
    found = captured(RESPONSES, payload, {"object": "response", "output": output, "status": "completed"})
    assert found[SYSTEM] == [text("be brief")]
    assert [message["role"] for message in found[INPUT]] == ["user", "assistant", "tool"]
    assert found[OUTPUT][0]["parts"] == [{"type": "reasoning", "content": "hm"}, text("ok")]
    assert found[OUTPUT][0]["finish_reason"] == "stop"


def test_completions():
    found = captured(COMPLETIONS, {"prompt": "once"}, {"choices": [{"text": " upon", "finish_reason": "length"}]})
    assert found[INPUT] == [{"role": "user", "parts": [text("once")]}]
    assert found[OUTPUT] == [{"role": "assistant", "parts": [text(" upon")], "finish_reason": "length"}]


def test_without_an_answer_there_is_the_question():
    assert captured(CHAT, {"messages": [{"role": "user", "content": "hi"}]}).keys() == {INPUT}
    assert captured(EMBEDDINGS, {"input": "hi"}) == {}


def test_it_is_bounded_and_says_so():
    messages = [{"role": "user", "content": f"{number} " + "ä" * 50_000} for number in range(50)]
    found = content(CHAT, {"messages": messages}, None)
    assert len(found[INPUT].encode()) <= MOST_BYTES
    assert found["tailrace.content_truncated"] is True
    kept = jsonio.loads(found[INPUT])
    assert kept[-1]["parts"][0]["content"].startswith("49 ")
    assert kept[0]["parts"][0]["content"].endswith("…[cut]")


@pytest.mark.parametrize("odd", [None, 7, "text", [], {}, [None], [7], {"role": 3}, {"content": {"a": 1}}, [[]]])
def test_odd_input_never_raises(odd):
    for endpoint in (CHAT, COMPLETIONS, RESPONSES, MESSAGES):
        for key in ("messages", "input", "prompt", "system", "instructions", "tools"):
            captured(endpoint, {key: odd}, {"choices": odd, "output": odd, "content": odd})
        captured(endpoint, {"messages": [{"role": "user", "content": [odd], "tool_calls": odd}]}, {"choices": [odd]})
