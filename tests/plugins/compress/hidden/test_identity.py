import pytest

from tailrace_plugins.compress.hidden.identity import answered, is_answer

HIDDEN = frozenset({"recall"})


def call(id_, name="look"):
    return {"id": id_, "type": "function", "function": {"name": name, "arguments": "{}"}}


def chat(text, *calls):
    return {"role": "assistant", "content": text, **({"tool_calls": list(calls)} if calls else {})}


def told(message):
    return answered("chat", {"choices": [{"message": message}]}, HIDDEN)


@pytest.mark.parametrize(
    ("given", "message", "is_it"),
    [
        (chat("The end."), chat("The end."), True),
        (chat("The end."), chat("  The end.\n"), True),
        (chat("The end."), chat("Let me look.\n\nThe end."), True),
        (chat("The end."), chat([{"type": "text", "text": "The end."}]), True),
        (chat("The end."), chat("Another end."), False),
        (chat(None, call("a")), chat(None, call("a")), True),
        (chat(None, call("a")), chat("", call("a")), True),
        (chat(None, call("a")), chat(None, call("b")), False),
        (chat("x", call("a"), call("h", "recall")), chat("x", call("a")), True),
        (chat("x"), chat("x", call("a")), True),
        (chat(None), chat(None), True),
    ],
)
def test_an_answer_is_told_from_others(given, message, is_it):
    assert is_answer([{"role": "user", "content": "?"}, message], 1, told(given)) is is_it


def test_the_other_dialects():
    blocks = [{"type": "text", "text": "See."}, {"type": "tool_use", "id": "a", "name": "look", "input": {}}]
    one = answered("messages", {"content": blocks}, HIDDEN)
    assert is_answer([{"role": "assistant", "content": blocks}], 0, one)
    assert not is_answer([{"role": "assistant", "content": blocks[:1]}], 0, one)
    items = [
        {"type": "reasoning", "id": "r"},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "See."}]},
        {"type": "function_call", "call_id": "a", "name": "look", "arguments": "{}"},
    ]
    two = answered("responses", {"output": items}, HIDDEN)
    assert is_answer([*items, {"type": "function_call_output", "call_id": "a", "output": "x"}], 0, two)
    assert not is_answer(items[:2], 0, two)


@pytest.mark.parametrize(
    "answer", [None, 3, {}, {"choices": []}, {"choices": [3]}, {"output": "x"}, {"content": [None]}]
)
def test_whatever_is_in_it(answer):
    for shape in ("chat", "responses", "messages"):
        assert answered(shape, answer, HIDDEN) == "|"
