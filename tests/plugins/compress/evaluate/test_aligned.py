from tailrace_plugins.compress.definitions.lazy import LOAD_TOOLS
from tailrace_plugins.compress.evaluate.aligned import aligned
from tailrace_plugins.compress.history.said import summary_message
from tailrace_plugins.compress.recall import RECALL


def asking(*names, text=None):
    calls = [{"id": f"{name}_id", "type": "function", "function": {"name": name, "arguments": "{}"}} for name in names]
    return {"role": "assistant", "content": text, "tool_calls": calls}


def told(name, text):
    return {"role": "tool", "tool_call_id": f"{name}_id", "content": text}


GIVEN = [
    {"role": "system", "content": "Do."},
    {"role": "user", "content": "Why?"},
    asking("look"),
    told("look", "found"),
    {"role": "assistant", "content": "So."},
]


def test_what_is_equal_stands_for_itself():
    found = aligned(GIVEN, GIVEN)
    assert found.messages == tuple(GIVEN) and found.beside == ()


def test_an_edited_text_stands_where_it_stood():
    sent = [*GIVEN[:3], told("look", "f"), GIVEN[4]]
    assert aligned(GIVEN, sent).messages == tuple(sent)


def test_what_the_client_was_not_shown_stands_beside():
    sent = [
        *GIVEN[:4],
        asking(RECALL.name),
        told(RECALL.name, "the lines"),
        asking(LOAD_TOOLS, text="I need more."),
        told(LOAD_TOOLS, "Loaded: x."),
        GIVEN[4],
    ]
    found = aligned(GIVEN, sent)
    assert found.messages == tuple(GIVEN) and found.beside == ("the lines", "Loaded: x.")


def test_a_hidden_call_beside_the_clients_own_is_taken_out():
    sent = [*GIVEN[:2], asking("look", RECALL.name), GIVEN[3], told(RECALL.name, "the lines"), GIVEN[4]]
    found = aligned(GIVEN, sent)
    assert found.messages == tuple(GIVEN) and found.beside == ("the lines",)
    assert len(sent[2]["tool_calls"]) == 2, "nothing that was sent is changed"


def test_a_summary_stands_for_as_many_as_it_says():
    summary = summary_message("chat", "It looked.", 2)
    found = aligned(GIVEN, [*GIVEN[:2], summary, GIVEN[4]])
    assert found.messages == (*GIVEN[:2], None, None, GIVEN[4])
    assert len(found.beside) == 1 and found.beside[0].endswith("It looked.")


def test_anything_else_is_not_understood():
    assert aligned(GIVEN, GIVEN[:-1]) is None, "one message less"
    assert aligned(GIVEN, [*GIVEN, GIVEN[0]]) is None, "one more"
    assert aligned(GIVEN, [*GIVEN[:2], summary_message("chat", "x", 3), GIVEN[4]]) is None, "a wrong count"
    assert aligned([], []).messages == ()
