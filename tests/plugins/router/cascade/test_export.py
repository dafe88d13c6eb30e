import pytest

from tailrace_plugins.router.cascade.export import line_of

ASKED = [{"role": "developer", "content": "Be brief."}, {"role": "user", "content": "Why?"}]
CHEAP, STRONG = {"role": "assistant", "content": "Cheap."}, {"role": "assistant", "content": "Strong."}
SYSTEM, USER = {"role": "system", "content": "Be brief."}, {"role": "user", "content": "Why?"}
PARAMETERS = {"type": "object", "properties": {}}
FUNCTION = {"type": "function", "function": {"name": "f", "description": "does", "parameters": PARAMETERS}}


def row(shape="chat", cheap=CHEAP, strong=STRONG, **request):
    return {"shape": shape, "request": request or {"messages": ASKED}, "cheap": cheap, "strong": strong}


def test_supervised_lines_have_the_better_answer():
    assert line_of(row(), "sft") == {"messages": [SYSTEM, USER, STRONG]}
    assert line_of(row(strong=None), "sft") == {"messages": [SYSTEM, USER, CHEAP]}
    assert line_of(row(cheap=None), "sft") == {"messages": [SYSTEM, USER, STRONG]}


def test_preference_lines_have_both():
    assert line_of(row(), "preference") == {
        "input": {"messages": [SYSTEM, USER]},
        "preferred_output": [STRONG],
        "non_preferred_output": [CHEAP],
    }


def test_the_null_content_of_a_message_of_calls_is_left_out():
    calls = [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}]
    line = line_of(row(strong={"role": "assistant", "content": None, "tool_calls": calls}), "sft")
    assert line["messages"][-1] == {"role": "assistant", "tool_calls": calls}


@pytest.mark.parametrize(
    ("shape", "request_"),
    [
        (
            "responses",
            {"instructions": "Be brief.", "input": "Why?", "tools": [{"type": "function", **FUNCTION["function"]}]},
        ),
        (
            "messages",
            {
                "system": "Be brief.",
                "messages": [USER],
                "tools": [
                    {"name": "f", "description": "does", "input_schema": PARAMETERS},
                    {"type": "bash_20250124", "name": "bash"},
                ],
            },
        ),
        ("chat", {"messages": ASKED, "tools": [FUNCTION, 3]}),
    ],
)
def test_every_shape_becomes_chat(shape, request_):
    assert line_of(row(shape, **request_), "sft") == {"messages": [SYSTEM, USER, STRONG], "tools": [FUNCTION]}


def test_calls_and_results_of_other_shapes():
    items = [
        {"role": "user", "content": "Why?"},
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "output": "it rains"},
    ]
    assert line_of(row("responses", input=items), "sft")["messages"] == [
        USER,
        {
            "role": "assistant",
            "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
        },
        {"role": "tool", "content": "it rains", "tool_call_id": "c"},
        STRONG,
    ]
    assert line_of(row("completions", prompt="Why?"), "sft")["messages"] == [USER, STRONG]


IMAGE = [{"role": "user", "content": [{"type": "image", "source": {}}]}]


@pytest.mark.parametrize(
    ("given", "form", "why"),
    [
        (row(strong=None), "preference", "accepted"),
        (row(cheap=None), "preference", "no-cheap-answer"),
        (row(cheap=None, strong=None), "sft", "no-answer"),
        (row("messages", messages=IMAGE), "sft", "media"),
        (row("chat", messages=3), "sft", "no-messages"),
        (row("responses", input=[]), "sft", "no-messages"),
        (row("hostile"), "sft", "no-messages"),
        ({"shape": "chat", "request": 3}, "sft", "no-messages"),
        (row(cheap=3, strong="x"), "sft", "no-answer"),
    ],
)
def test_what_is_skipped(given, form, why):
    assert line_of(given, form) == why


def test_images_in_chat_are_kept():
    assert line_of(row("chat", messages=IMAGE), "sft")["messages"][0] == IMAGE[0]
