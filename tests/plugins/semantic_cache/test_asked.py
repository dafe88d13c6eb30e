import pytest

from tailrace.wire.endpoints import EndpointKind
from tailrace_plugins.semantic_cache.asked import Question, question_of
from tailrace_plugins.semantic_cache.settings import SemanticCacheSettings

CHAT, RESPONSES, MESSAGES = EndpointKind.CHAT, EndpointKind.RESPONSES, EndpointKind.MESSAGES
SETTINGS = SemanticCacheSettings(max_question_chars=50, max_history_messages=2)


def user(content):
    return {"role": "user", "content": content}


CALL = {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]}
REASONS = [
    (EndpointKind.COMPLETIONS, {"prompt": "hi"}, "endpoint"),
    (EndpointKind.EMBEDDINGS, {"input": "hi"}, "endpoint"),
    (CHAT, {"messages": [user("hi")], "tools": [{"type": "function"}]}, "tools"),
    (CHAT, {"messages": [user("hi")], "functions": [{"name": "f"}]}, "tools"),
    (CHAT, {"messages": [user("a"), CALL, user("hi")]}, "tools"),
    (CHAT, {"messages": [{"role": "tool", "content": "x"}, user("hi")]}, "tools"),
    (MESSAGES, {"messages": [user([{"type": "tool_result", "content": "x"}]), user("hi")]}, "tools"),
    (RESPONSES, {"input": [{"type": "function_call_output", "output": "x"}, user("hi")]}, "tools"),
    (CHAT, {"messages": [user("hi")], "temperature": 0.31}, "temperature"),
    (CHAT, {"messages": [user("hi")], "temperature": True}, "not-understood"),
    (CHAT, {"messages": [user("hi")], "temperature": "0"}, "not-understood"),
    (CHAT, {"messages": [user("hi")], "n": 2}, "several-answers"),
    (CHAT, {"messages": []}, "not-understood"),
    (CHAT, {}, "not-understood"),
    (CHAT, {"messages": ["hi"]}, "tools"),
    (CHAT, {"messages": [user("a"), user("b"), user("c"), user("d")]}, "history"),
    (CHAT, {"messages": [{"role": "assistant", "content": "hi"}]}, "no-question"),
    (CHAT, {"messages": [user("  ")]}, "no-question"),
    (CHAT, {"messages": [user("x" * 51)]}, "too-long"),
    (CHAT, {"messages": [user([{"type": "image_url", "image_url": {}}])]}, "not-text"),
    (CHAT, {"messages": [user([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}])]}, "not-text"),
    (CHAT, {"messages": [user(None)]}, "not-text"),
]


@pytest.mark.parametrize(("kind", "payload", "reason"), REASONS)
def test_what_is_no_question_for_it(kind, payload, reason):
    assert question_of(kind, payload, SETTINGS) == reason


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        (CHAT, {"messages": [user("a")]}, {"messages": [user("b")]}),
        (
            CHAT,
            {"messages": [user([{"type": "text", "text": "a"}])]},
            {"messages": [user([{"type": "text", "text": "b"}])]},
        ),
        (
            CHAT,
            {"messages": [user("x"), user("a")], "temperature": 0.3},
            {"messages": [user("x"), user("b")], "temperature": 0.3},
        ),
        (RESPONSES, {"input": "a", "n": 1}, {"input": "b", "n": 1}),
        (
            RESPONSES,
            {"input": [user([{"type": "input_text", "text": "a"}])]},
            {"input": [user([{"type": "input_text", "text": "b"}])]},
        ),
        (MESSAGES, {"messages": [user("a")], "system": "s"}, {"messages": [user("b")], "system": "s"}),
    ],
)
def test_only_the_question_may_differ(kind, one, other):
    first, second = question_of(kind, one, SETTINGS), question_of(kind, other, SETTINGS)
    assert isinstance(first, Question) and isinstance(second, Question)
    assert (first.text, second.text) == ("a", "b") and first.around == second.around


@pytest.mark.parametrize(
    "other",
    [
        {"messages": [user("x"), user("a")]},
        {"messages": [{"role": "system", "content": "s"}, user("a")]},
        {"messages": [user("a")], "temperature": 0},
        {"messages": [user("a")], "response_format": {"type": "json_object"}},
        {"messages": [{**user("a"), "name": "bob"}]},
        {"messages": [user([{"type": "text", "text": "a"}])]},
        {"messages": [user([{"type": "text", "text": "a", "cache_control": {}}])]},
        {"messages": [user("a")], "unknown": 1},
        {"messages": [user("a")], "max_tokens": 7},
    ],
)
def test_whatever_else_differs_keeps_them_apart(other):
    first, second = question_of(CHAT, {"messages": [user("a")]}, SETTINGS), question_of(CHAT, other, SETTINGS)
    assert isinstance(first, Question) and isinstance(second, Question)
    assert first.around != second.around


def test_a_question_cannot_pretend_to_be_the_mark():
    marked = question_of(CHAT, {"messages": [user("\0question")]}, SETTINGS)
    assert isinstance(marked, Question) and marked.text == "\0question"
