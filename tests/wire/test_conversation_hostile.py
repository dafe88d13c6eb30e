import time
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace.wire.conversation import Conversation, Turn, read_conversation

SHAPES = ("chat", "completions", "responses", "messages")


@pytest.mark.parametrize("shape", SHAPES)
def test_a_request_of_nothing(shape):
    assert read_conversation(shape, {}) == Conversation(())


@pytest.mark.parametrize(
    "message", [None, 3, "x", [], {}, {"role": None}, {"role": "critic", "content": "x"}, {"role": []}]
)
def test_messages_that_are_none_are_left_out(message):
    assert read_conversation("chat", {"messages": [message]}).turns == ()
    assert read_conversation("responses", {"input": [message]}).turns == ()


KEYS = [
    "messages", "input", "prompt", "suffix", "instructions", "system", "role", "content", "type", "text", "tool_calls",
    "function_call", "function", "custom", "name", "arguments", "id", "call_id", "output", "error", "tools", "functions",
    "tool_choice", "response_format", "format", "reasoning", "effort", "thinking", "max_tokens", "refusal", "source",
    "data", "is_error", "tool_use_id", "tool_call_id", "description", "action", "mode", "allowed_tools",
]  # fmt: skip
WORDS = [
    "user", "assistant", "system", "developer", "tool", "function", "message", "text", "image_url", "document", "content",
    "tool_use", "tool_result", "function_call", "function_call_output", "mcp_call", "reasoning", "refusal", "required",
    "json_schema", "search_result", "allowed_tools", "\ud800", "",
]  # fmt: skip
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(WORDS)
    | st.text(max_size=5)
    | st.binary(max_size=2),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5),
    max_leaves=40,
)


@given(st.sampled_from(SHAPES), st.dictionaries(st.sampled_from(KEYS), values, max_size=6))
def test_nothing_makes_it_raise(shape, payload):
    found = read_conversation(shape, payload)
    assert all(isinstance(turn.text, str) for turn in found.turns)


@pytest.mark.parametrize("shape", SHAPES)
def test_depth_costs_nothing(shape):
    deep = []
    for _ in range(100_000):
        deep = [deep]
    blocks = "x"
    for _ in range(5_000):
        blocks = [{"type": "tool_result", "content": blocks, "source": {"type": "content", "content": blocks}}]
    for value in (deep, blocks):
        payload = dict.fromkeys(KEYS, value) | {"messages": [{"role": "user", "content": value}], "input": [value]}
        read_conversation(shape, payload)


def many_calls(count):
    return {
        "input": [{"type": "function_call", "call_id": str(n), "name": "f", "arguments": "{}"} for n in range(count)]
    }


def many_parts(count):
    return {"input": [{"role": "user", "content": [{"type": "input_text", "text": "some words"}] * count}]}


@pytest.mark.parametrize("made", [many_calls, many_parts])
def test_time_is_linear(made):
    def seconds(count):
        payload = made(count)
        times = []
        for _ in range(3):
            began = time.perf_counter()
            read_conversation("responses", payload)
            times.append(time.perf_counter() - began)
        return min(times)

    # Eight times as much: quadratic would be 64 times as long.
    assert seconds(40_000) < 30 * max(seconds(5_000), 0.0005)


def test_other_mappings_are_read_too():
    content = MappingProxyType({"type": "text", "text": "Hi"})
    message = MappingProxyType({"role": "user", "content": content})
    assert read_conversation("chat", {"messages": [message]}).turns == (Turn("user", "Hi"),)
