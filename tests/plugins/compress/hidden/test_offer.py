import pytest

from tailrace_plugins.compress.hidden.nouns import Tool
from tailrace_plugins.compress.hidden.offer import definition, may_offer, names_of

TOOL = Tool("expand", "Gives a text back.", {"type": "object"})
CHAT = [{"type": "function", "function": {"name": "look"}}]
FLAT = [{"type": "function", "name": "look", "parameters": {}}]
BLOCK = [{"name": "look", "input_schema": {}}]
ASKED = [{"role": "user", "content": "Why?"}]
SAID = [*ASKED, {"type": "function_call", "call_id": "c", "name": "look", "arguments": "{}"}]


@pytest.mark.parametrize(
    ("shape", "payload", "reason"),
    [
        ("chat", {"tools": CHAT}, None),
        ("chat", {"tools": CHAT, "n": 1, "messages": ASKED}, None),
        ("chat", {"tools": [{"type": "custom", "custom": {"name": "look"}}]}, None),
        ("chat", {}, "no-tools"),
        ("chat", {"tools": []}, "no-tools"),
        ("chat", {"tools": "look"}, "no-tools"),
        ("chat", {"tools": [{"type": "web_search"}, 3]}, "no-tools"),
        ("completions", {"tools": CHAT}, "no-tools"),
        (None, {"tools": CHAT}, "no-tools"),
        ("chat", {"tools": CHAT, "n": 2}, "many-answers"),
        ("chat", {"tools": [*CHAT, {"type": "function", "function": {"name": "expand"}}]}, "name-clash"),
        ("chat", {"tools": [*CHAT, {"type": "function", "function": {"name": "expand_all"}}]}, None),
        ("chat", {"tools": CHAT, "messages": [*ASKED, {"role": "assistant", "content": "It"}]}, "prefilled"),
        ("responses", {"tools": FLAT, "store": False, "input": "Why?"}, None),
        ("responses", {"tools": FLAT, "input": SAID}, None),
        ("responses", {"tools": FLAT, "input": ASKED}, "kept-at-provider"),
        ("responses", {"tools": FLAT, "store": True, "input": "Why?"}, "kept-at-provider"),
        ("responses", {"tools": FLAT, "store": False, "previous_response_id": "resp_1"}, "kept-at-provider"),
        ("responses", {"tools": FLAT, "input": SAID, "conversation": {"id": "conv_1"}}, "kept-at-provider"),
        ("responses", {"tools": FLAT, "input": SAID, "background": True}, "background"),
        ("responses", {"tools": [{"type": "web_search"}], "store": False}, "no-tools"),
        ("responses", {"tools": [*FLAT, {"type": "custom", "name": "expand"}], "store": False}, "name-clash"),
        ("messages", {"tools": BLOCK, "messages": ASKED}, None),
        ("messages", {"tools": [{"type": "bash_20250124", "name": "bash"}]}, None),
        ("messages", {"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, "no-tools"),
        ("messages", {"tools": [{"name": "expand", "input_schema": {}}]}, "name-clash"),
        ("messages", {"tools": BLOCK, "messages": [*ASKED, {"role": "assistant", "content": "It"}]}, "prefilled"),
    ],
)
def test_who_may_be_offered_tools(shape, payload, reason):
    assert may_offer(shape, payload, [TOOL]) == reason


def test_definitions_are_in_the_dialects_words():
    told = {"name": "expand", "description": "Gives a text back.", "parameters": {"type": "object"}}
    assert definition("chat", TOOL) == {"type": "function", "function": told}
    assert definition("responses", TOOL) == {"type": "function", **told, "strict": False}
    assert definition("messages", TOOL) == {
        "name": "expand",
        "description": "Gives a text back.",
        "input_schema": {"type": "object"},
    }
    assert [*names_of([definition(shape, TOOL) for shape in ("chat", "responses", "messages")])] == ["expand"] * 3
