from typing import Any

import pytest

from tailrace.wire.endpoints import Shape
from tailrace_plugins.compress.context import Context, may_be_cleared

LONG = "a line of some length, again and again\n" * 5
OTHER = "another line of some length, once more\n" * 5


def call(id_: str, name: str, arguments: str) -> dict[str, Any]:
    return {"id": id_, "type": "function", "function": {"name": name, "arguments": arguments}}


CHAT = [
    {"role": "system", "content": LONG},
    {"role": "user", "content": [{"type": "text", "text": OTHER}]},
    {
        "role": "assistant",
        "content": LONG,
        "tool_calls": [
            call("a", "read", '{"path":\n "a.py"}'),
            call("b", "write", f'{{"text": "{"x" * 99}\\nx\\ny\\n{"x" * 99}"}}'),
        ],
    },
    {"role": "tool", "tool_call_id": "b", "content": LONG},
    {"role": "tool", "tool_call_id": "a", "content": OTHER},
    {"role": "tool", "tool_call_id": "a", "content": LONG},
    {"role": "tool", "tool_call_id": "?", "name": "lost", "content": LONG},
    {"role": "user", "content": "short"},
    {"role": "user", "content": LONG},
]
RESPONSES = [
    {"role": "user", "content": [{"type": "input_text", "text": LONG}]},
    {"type": "reasoning", "summary": []},
    {"type": "function_call", "call_id": "a", "name": "read", "arguments": '{"path": "a.py"}'},
    {"type": "function_call_output", "call_id": "a", "output": OTHER},
]
MESSAGES = [
    {"role": "user", "content": LONG},
    {"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "read", "input": {"path": "a.py"}}]},
    {
        "role": "user",
        "content": [{"type": "tool_result", "tool_use_id": "a", "content": OTHER}, {"type": "text", "text": LONG}],
    },
]


@pytest.mark.parametrize(
    ("shape", "messages", "places"),
    [
        (
            "chat",
            CHAT,
            [
                ("the system message", LONG),
                ("the user's message 1", OTHER),
                ('"text" of call 2 (write)', f"{'x' * 99}\nx\ny\n{'x' * 99}"),
                (f"result 2 (write {'x' * 40})", LONG),
                ("result 1 (read a.py)", OTHER),
                ("result 1 (read a.py), part 2", LONG),
                ("the result of lost", LONG),
                ("the user's message 3", LONG),
            ],
        ),
        ("responses", RESPONSES, [("the user's message 1", LONG), ("result 1 (read a.py)", OTHER)]),
        (
            "messages",
            MESSAGES,
            [("the user's message 1", LONG), ("result 1 (read a.py)", OTHER), ("the user's message 2", LONG)],
        ),
    ],
)
def test_each_text_has_a_name_of_its_own(shape: Shape, messages: list[Any], places: list[tuple[str, str]]) -> None:
    context = Context(shape)
    for message in messages:
        context.hear(message)
    assert [(one.place, one.text) for one in context.texts] == places


@pytest.mark.parametrize(
    "message",
    [
        None,
        7,
        [],
        {},
        {"role": 5},
        {"role": "user", "content": 5},
        {"role": "user", "content": [None, {"text": 1}]},
        {"role": "assistant", "tool_calls": [None, {"function": 5}, {"id": 5, "function": {"arguments": LONG}}]},
        {"role": "assistant", "content": [{"type": "tool_use", "input": {"a": [float("nan")]}}]},
    ],
)
def test_whatever_is_in_a_message_is_heard(message: Any) -> None:
    for shape in ("chat", "responses", "messages"):
        context = Context(shape)
        context.hear(message)
        assert context.texts == []


def test_places_are_one_line_each() -> None:
    context = Context("chat")
    context.hear({"role": "assistant", "tool_calls": [call("a", "read\nme", '{"a\\nb": "' + "y\\n" * 300 + '"}')]})
    context.hear({"role": "tool", "tool_call_id": "a", "content": LONG})
    assert all("\n" not in one.place for one in context.texts)


@pytest.mark.parametrize(
    ("payload", "may"),
    [
        ({}, False),
        ({"truncation": "disabled"}, False),
        ({"truncation": "auto"}, True),
        ({"context_management": {"edits": [{"type": "clear_tool_uses_20250919"}]}}, True),
        ({"context_management": None}, False),
    ],
)
def test_a_provider_that_clears_its_context(payload: dict[str, Any], may: bool) -> None:
    assert may_be_cleared(payload) is may
