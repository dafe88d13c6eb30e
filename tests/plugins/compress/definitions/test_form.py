from typing import Any

import pytest

from tailrace.wire.endpoints import Shape
from tailrace_plugins.compress.definitions.form import made, read

SCHEMA = {"type": "object", "properties": {}}


@pytest.mark.parametrize(
    ("shape", "tool", "strict"),
    [
        ("chat", {"type": "function", "function": {"name": "a", "description": "d", "parameters": SCHEMA}}, False),
        (
            "chat",
            {"type": "function", "function": {"name": "a", "description": "d", "parameters": SCHEMA, "strict": True}},
            True,
        ),
        (
            "responses",
            {"type": "function", "name": "a", "description": "d", "parameters": SCHEMA, "strict": False},
            False,
        ),
        (
            "responses",
            {"type": "function", "name": "a", "description": "d", "parameters": SCHEMA, "strict": True},
            True,
        ),
        # Responses makes it strict by itself.
        ("responses", {"type": "function", "name": "a", "description": "d", "parameters": SCHEMA}, True),
        ("messages", {"name": "a", "description": "d", "input_schema": SCHEMA}, False),
        ("messages", {"type": "custom", "name": "a", "description": "d", "input_schema": SCHEMA, "strict": True}, True),
    ],
)
def test_dialects(shape: Shape, tool: dict[str, Any], strict: bool) -> None:
    form = read(shape, tool)
    assert form is not None
    assert (form.name, form.description, form.schema, form.strict) == ("a", "d", SCHEMA, strict)
    assert form.written("d", form.schema) is tool
    tool = {**tool, "cache_control": {"type": "ephemeral"}, "unknown": [1]}
    form = read(shape, tool)
    assert form is not None
    written = form.written("other", {"type": "object"})
    again = read(shape, written)
    assert again is not None and (again.description, again.schema) == ("other", {"type": "object"})
    assert list(written) == list(tool) and written["unknown"] is tool["unknown"]
    assert tool.get("description", "d") == "d"


@pytest.mark.parametrize(
    ("shape", "tool"),
    [
        ("chat", {"type": "custom", "custom": {"name": "a"}}),
        ("chat", {"type": "function", "function": "a"}),
        ("chat", {"type": "function", "function": {"name": 1}}),
        ("chat", {"name": "a", "parameters": {}}),
        ("responses", {"type": "web_search"}),
        ("responses", {"type": "mcp", "name": "a", "server_label": "s"}),
        ("messages", {"type": "web_search_20250305", "name": "web_search"}),
        ("messages", {"name": ""}),
        ("completions", {"name": "a"}),
        ("chat", None),
        ("chat", ["function"]),
    ],
)
def test_left_alone(shape: Shape, tool: Any) -> None:
    assert read(shape, tool) is None


def test_nothing_is_added() -> None:
    tool = {"name": "a"}
    form = read("messages", tool)
    assert form is not None and form.written("", form.schema) is tool


@pytest.mark.parametrize("shape", ["chat", "responses", "messages"])
def test_made(shape: Shape) -> None:
    form = read(shape, made(shape, "a", "d", SCHEMA))
    assert form is not None and (form.name, form.description, form.schema, form.strict) == ("a", "d", SCHEMA, False)
