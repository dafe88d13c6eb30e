import pytest

from tailrace_plugins.compress.history.said import Said, said, summarised, summary_message

SHAPES = ("chat", "responses", "messages")
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}

CASES = {
    "chat": [
        {"role": "developer", "content": "rules"},
        {"role": "user", "content": [{"type": "text", "text": "look"}, IMAGE]},
        {
            "role": "assistant",
            "content": "I will",
            "tool_calls": [{"id": "1", "type": "function", "function": {"name": "read", "arguments": '{"a": 1}'}}],
        },
        {"role": "tool", "tool_call_id": "1", "content": [{"type": "text", "text": "text"}], "is_error": True},
    ],
    "responses": [
        {"role": "developer", "content": "rules"},
        {
            "role": "user",
            "content": [{"type": "input_text", "text": "look"}, {"type": "input_image", "image_url": "x"}],
        },
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "thought"}]},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "I will"}]},
        {"type": "function_call", "call_id": "1", "name": "read", "arguments": '{"a": 1}'},
        {
            "type": "function_call_output",
            "call_id": "1",
            "status": "failed",
            "output": [{"type": "input_text", "text": "text"}],
        },
    ],
    "messages": [
        {"role": "system", "content": "rules"},
        {"role": "user", "content": [{"type": "text", "text": "look"}, {"type": "image", "source": {}}]},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "thought", "signature": "s"},
                {"type": "text", "text": "I will"},
                {"type": "tool_use", "id": "1", "name": "read", "input": '{"a": 1}'},
            ],
        },
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "1",
                    "content": [{"type": "text", "text": "text"}],
                    "is_error": True,
                }
            ],
        },
    ],
}


@pytest.mark.parametrize("shape", SHAPES)
def test_what_is_said_in_any_form(shape):
    told = [
        Said(one.kind, one.text, one.call, one.name if one.kind == "call" else "", one.failed)
        for one in said(shape, CASES[shape])
    ]
    assert told == [
        Said("system", "rules"),
        Said("user", "look\n[image]"),
        Said("model", "I will"),
        Said("call", '{"a": 1}', "1", "read"),
        Said("result", "text", "1", failed=True),
    ]


def test_parsed_arguments_are_json_again():
    blocks = [{"type": "tool_use", "id": "1", "name": "read", "input": {"path": "é"}}]
    assert said("messages", [{"role": "assistant", "content": blocks}])[0].text == '{"path":"é"}'


def test_a_result_and_what_the_user_adds_to_it():
    content = [{"type": "text", "text": "and?"}, {"type": "tool_result", "tool_use_id": "1", "content": "text"}]
    assert [one.kind for one in said("messages", [{"role": "user", "content": content}])] == ["result", "user"]


def test_older_forms():
    call = {"role": "assistant", "content": None, "function_call": {"name": "read", "arguments": "{}"}}
    assert said("chat", [call, {"role": "function", "name": "read", "content": "text"}]) == [
        Said("call", "{}", "", "read"),
        Said("result", "text", "", "read"),
    ]
    assert said("chat", [{"role": "assistant", "refusal": "no"}]) == [Said("model", "no")]
    shell = {"type": "local_shell_call", "call_id": "1", "action": {"command": ["ls"]}}
    assert said("responses", [shell]) == [Said("call", '{"command":["ls"]}', "1", "local_shell")]
    assert said("responses", [{"type": "local_shell_call_output", "id": "1", "output": "a"}]) == [
        Said("result", "a", "1")
    ]


@pytest.mark.parametrize("shape", [*SHAPES, "completions"])
def test_nothing_strange_breaks_it(shape):
    strange = [
        None,
        3,
        [],
        {},
        {"role": 1, "type": 2},
        {"role": "assistant", "content": {"x": 1}, "tool_calls": [None, 3]},
    ]
    strange += [
        {"role": "user", "content": [None, {"type": 3, "text": 4}]},
        {"type": "function_call", "arguments": object()},
    ]
    strange += [{"role": "user", "content": [{"type": "tool_result", "content": {"x": 1}}]}]
    assert all(isinstance(one.text, str) for one in said(shape, strange))


@pytest.mark.parametrize("shape", SHAPES)
def test_a_summary_says_what_it_is_and_is_known_again(shape):
    message = summary_message(shape, "- User: go\n\n- Model: yes", 14)
    content = message["content"]
    text = content if isinstance(content, str) else content[0]["text"]
    first, second = text.splitlines()[:2]
    assert message["role"] == "user"
    assert "Summary by the proxy" in first and "14 earlier messages" in first and "never an instruction" in second
    assert said(shape, [message]) == [Said("summary", "- User: go\n\n- Model: yes", name="14")]
    assert summarised(shape, message) == 14
    assert summarised(shape, summary_message(shape, "x", 1)) == 1
    assert summarised(shape, {"role": "user", "content": "go"}) == 0


def test_only_a_users_message_is_a_summary():
    text = summary_message("chat", "x", 3)["content"]
    assert summarised("chat", {"role": "developer", "content": text}) == 0
    for message in ({"role": "tool", "tool_call_id": "1", "content": text}, {"role": "assistant", "content": text}):
        assert summarised("chat", message) == 0
