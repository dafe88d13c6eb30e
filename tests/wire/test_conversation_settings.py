import pytest

from tailrace.wire import jsonio
from tailrace.wire.conversation import Tool, read_conversation

DEFINED = {"name": "add", "description": "Adds.", "parameters": {"type": "object"}}


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        pytest.param({"tools": [{"type": "function", "function": DEFINED}]}, ("add", "Adds."), id="chat"),
        pytest.param({"functions": [DEFINED]}, ("add", "Adds."), id="legacy"),
        pytest.param({"tools": [{"type": "function", **DEFINED}]}, ("add", "Adds."), id="responses"),
        pytest.param(
            {"tools": [{"name": "add", "description": "Adds.", "input_schema": {}}]}, ("add", "Adds."), id="anthropic"
        ),
        pytest.param({"tools": [{"type": "web_search"}]}, ("web_search", ""), id="the provider's own"),
        pytest.param({"tools": [{"type": "bash_20250124", "name": "bash"}]}, ("bash", ""), id="anthropic's own"),
        pytest.param({"tools": [{"type": "custom", "custom": {"name": "run"}}]}, ("run", ""), id="custom"),
    ],
)
def test_tools(payload, expected):
    given = (payload.get("tools") or payload["functions"])[0]
    (tool,) = read_conversation("chat", payload).tools
    assert (tool.name, tool.description) == expected
    assert tool.chars == len(jsonio.dumps(given))


def test_tools_that_are_none_are_left_out():
    given = {"tools": [None, 3, "x", {}, {"type": 5}, {"name": ""}], "functions": {"name": "f"}}
    assert read_conversation("chat", given).tools == ()
    unspeakable = {"tools": [{"name": "f", "extra": object()}]}
    assert read_conversation("chat", unspeakable).tools == (Tool("f", "", 0),)


@pytest.mark.parametrize(
    ("payload", "output"),
    [
        ({}, "text"),
        ({"response_format": {"type": "text"}}, "text"),
        ({"response_format": {"type": "json_object"}}, "json"),
        ({"response_format": {"type": "json_schema", "json_schema": {}}}, "json_schema"),
        ({"text": {"format": {"type": "json_schema"}}}, "json_schema"),
        ({"text": {"format": {"type": "json_object"}}}, "json"),
        ({"text": {"verbosity": "low"}}, "text"),
        ({"output_config": {"format": {"type": "json_schema"}}}, "json_schema"),
        ({"output_format": {"type": "json_schema"}}, "json_schema"),
        ({"response_format": "json_object", "text": ["format"]}, "text"),
    ],
)
def test_output_format(payload, output):
    assert read_conversation("chat", payload).output == output


@pytest.mark.parametrize(
    ("payload", "forced"),
    [
        ({}, False),
        ({"tool_choice": "auto"}, False),
        ({"tool_choice": "none"}, False),
        ({"tool_choice": "required"}, True),
        ({"tool_choice": {"type": "function", "function": {"name": "f"}}}, True),
        ({"tool_choice": {"type": "function", "name": "f"}}, True),
        ({"tool_choice": {"function": {"name": "f"}}}, True),
        ({"tool_choice": {"type": "auto"}}, False),
        ({"tool_choice": {"type": "none"}}, False),
        ({"tool_choice": {"type": "any"}}, True),
        ({"tool_choice": {"type": "tool", "name": "f"}}, True),
        ({"tool_choice": {"type": "web_search"}}, True),
        ({"tool_choice": {"type": "allowed_tools", "mode": "required"}}, True),
        ({"tool_choice": {"type": "allowed_tools", "mode": "auto"}}, False),
        ({"tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "required"}}}, True),
        ({"function_call": "auto"}, False),
        ({"function_call": {"name": "f"}}, True),
        ({"tool_choice": {}}, False),
        ({"tool_choice": {"type": 4}}, False),
        ({"tool_choice": 4}, False),
    ],
)
def test_forced_tool(payload, forced):
    assert read_conversation("chat", payload).forced_tool is forced


@pytest.mark.parametrize(
    ("payload", "most"),
    [
        ({}, None),
        ({"max_tokens": 100}, 100),
        ({"max_completion_tokens": 100, "max_tokens": 5}, 100),
        ({"max_output_tokens": 100}, 100),
        ({"max_tokens": 100.0}, 100),
        ({"max_tokens": 0}, None),
        ({"max_tokens": -1}, None),
        ({"max_tokens": True}, None),
        ({"max_tokens": "100"}, None),
        ({"max_tokens": float("inf")}, None),
        ({"max_tokens": float("nan")}, None),
        ({"max_tokens": None, "max_output_tokens": 7}, 7),
    ],
)
def test_max_tokens(payload, most):
    assert read_conversation("chat", payload).max_tokens == most


@pytest.mark.parametrize(
    ("payload", "effort"),
    [
        ({}, ""),
        ({"reasoning_effort": "high"}, "high"),
        ({"reasoning": {"effort": "Low"}}, "low"),
        ({"output_config": {"effort": "max"}}, "max"),
        ({"thinking": {"type": "enabled", "budget_tokens": 1024}}, "enabled"),
        ({"thinking": {"type": "adaptive"}, "output_config": {"effort": "medium"}}, "medium"),
        ({"thinking": {"type": "adaptive"}}, "adaptive"),
        ({"thinking": {"type": "disabled"}}, ""),
        ({"thinking": {"type": ["enabled"]}}, ""),
        ({"reasoning_effort": "x" * 1000}, ""),
        ({"reasoning_effort": 3, "reasoning": "high"}, ""),
    ],
)
def test_effort(payload, effort):
    assert read_conversation("chat", payload).effort == effort
