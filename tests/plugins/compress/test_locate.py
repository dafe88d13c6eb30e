import copy

import pytest
from compress_kit import SHAPES, Loop

from tailrace_plugins.compress.locate import (
    after_answers,
    history,
    is_models,
    lead,
    locate,
    replaced,
)
from tailrace_plugins.compress.passes import Piece

PIECE = Piece("tool", "found", tool="search", arguments='{"day":"friday"}')


@pytest.mark.parametrize(
    ("shape", "index", "path"), [("chat", 3, (0,)), ("responses", 2, (0,)), ("messages", 2, (0, 0))]
)
def test_a_tool_result_knows_its_call(shape, index, path):
    loop = Loop(shape).step("found")
    assert locate(shape, loop.messages) == {index: [(path, PIECE)]}


@pytest.mark.parametrize("shape", SHAPES)
def test_several_results_and_parts(shape):
    kind = "input_text" if shape == "responses" else "text"
    parts = [{"type": kind, "text": "a"}, {"type": "image_url", "image_url": {"url": "x"}}, {"type": kind, "text": "b"}]
    loop = Loop(shape).step("one", parts)
    found = locate(shape, loop.messages)
    told = [(path, piece.text) for pieces in found.values() for path, piece in pieces]
    if shape == "messages":
        assert told == [((0, 0), "one"), ((1, 0), "a"), ((1, 2), "b")]
    else:
        assert told == [((0,), "one"), ((0,), "a"), ((2,), "b")]
    assert {piece.tool for pieces in found.values() for _, piece in pieces} == {"search"}
    new = replaced(shape, loop.messages, {i: {p: piece.text.upper() for p, piece in f} for i, f in found.items()})
    one, list_ = loop.results(new)
    assert one == "ONE"
    assert list_ == [{**parts[0], "text": "A"}, parts[1], {**parts[2], "text": "B"}]


def test_only_results_from_the_start_on():
    loop = Loop("chat").step("one").step("two")
    assert list(locate("chat", loop.messages)) == [3, 5]
    later = locate("chat", loop.messages, 4)
    assert list(later) == [5] and later[5][0][1].tool == "search", "its call may stand before"
    assert locate("chat", loop.messages, 6) == {}


def test_the_nearest_call_before_with_an_id_counts():
    def call(name):
        return {"role": "assistant", "tool_calls": [{"id": "1", "function": {"name": name, "arguments": "{}"}}]}

    result = {"role": "tool", "tool_call_id": "1", "content": "text"}
    found = locate("chat", [call("a"), result, call("b"), result])
    assert [found[1][0][1].tool, found[3][0][1].tool] == ["a", "b"]
    assert locate("chat", [result, call("late")])[0][0][1].tool == ""


def test_a_long_call_that_is_answered_many_times_is_written_once():
    call = {"role": "assistant", "content": [{"type": "tool_use", "id": "1", "name": "a", "input": {"x": "y" * 1000}}]}
    block = {"type": "tool_result", "tool_use_id": "1", "content": "text"}
    found = locate("messages", [call, {"role": "user", "content": [block] * 1000}])
    first, *others = (piece.arguments for _, piece in found[1])
    assert len(first) > 1000 and len(others) == 999 and all(other is first for other in others)


def test_failures_names_and_older_forms():
    legacy = {"role": "function", "name": "old", "content": "text"}
    assert locate("chat", [legacy]) == {0: [((0,), Piece("tool", "text", tool="old"))]}
    block = {"type": "tool_result", "tool_use_id": "x", "content": "no", "is_error": True}
    assert locate("messages", [{"role": "user", "content": [block]}])[0][0][1].failed
    custom = [
        {"type": "custom_tool_call", "call_id": "c", "name": "shell", "input": "ls"},
        {"type": "custom_tool_call_output", "call_id": "c", "output": "a b"},
    ]
    assert locate("responses", custom)[1] == [((0,), Piece("tool", "a b", tool="shell", arguments="ls"))]


def test_what_people_and_models_said_is_not_found():
    said = [{"role": role, "content": "text"} for role in ("system", "developer", "user", "assistant")]
    cited = {"role": "tool", "content": [{"type": "text", "text": "t", "citations": [{}]}]}
    for shape in SHAPES:
        assert locate(shape, said) == {}
    assert locate("chat", [cited]) == {}
    run_there = {"role": "assistant", "content": [{"type": "tool_result", "content": "theirs"}]}
    assert locate("messages", [run_there]) == {}


ODD = [None, 1, "text", [], {}, {"role": 1}, {"type": []}, {"role": "tool"}, {"role": "tool", "content": {"a": 1}},
       {"role": "tool", "tool_call_id": [], "content": [None, "x", {"type": {}, "text": 1}]},
       {"role": "assistant", "tool_calls": [None, {"function": 3}, {"id": 7, "function": {"name": []}}]},
       {"type": "function_call_output", "output": None}, {"type": "function_call", "call_id": {}, "arguments": {"a": 1}},
       {"role": "user", "content": [None, {"type": "tool_result", "content": 5}, {"type": 9}]},
       {"role": "user", "content": [{"type": "tool_result", "content": [1, {"type": "text"}]}]}]  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
def test_nothing_odd_raises(shape):
    before = copy.deepcopy(ODD)
    assert locate(shape, ODD) == {}
    edits = {index: {(0,): "x", (5, 1): "y"} for index in range(len(ODD))}
    replaced(shape, ODD, edits)
    for message in ODD:
        is_models(message)
    assert after_answers(ODD) >= 0 and lead(ODD) == 0 and before == ODD


@pytest.mark.parametrize("shape", SHAPES)
def test_replacing_changes_nothing_that_is_given(shape):
    loop = Loop(shape).step("one").step("two")
    loop.messages[-1]["new_field"] = {"kept": [1]}
    before = copy.deepcopy(loop.messages)
    found = locate(shape, loop.messages, len(loop.messages) - 1)
    index = len(loop.messages) - 1
    new = replaced(shape, loop.messages, {index: {path: "2" for path, _ in found[index]}})
    assert loop.messages == before
    assert all(a is b for a, b in zip(new[:-1], loop.messages[:-1], strict=True))
    assert new[-1]["new_field"] is loop.messages[-1]["new_field"] and list(new[-1]) == list(before[-1])
    assert loop.results(new) == ["one", "2"]


def test_history_by_shape():
    assert history("chat", {"messages": [1]}) == [1]
    assert history("messages", {"messages": {}}) is None
    assert history("responses", {"input": "hi"}) == [] and history("responses", {"input": [{}]}) == [{}]
    assert history("completions", {"prompt": "x"}) is None and history(None, {}) is None


@pytest.mark.parametrize(
    ("roles", "index"),
    [("", 0), ("su", 0), ("suat", 3), ("suatt", 3), ("suatat", 5), ("sua", 0), ("suata", 3), ("suau", 3), ("a", 0)],
)
def test_what_comes_after_the_models_last_answer(roles, index):
    names = {"s": "system", "u": "user", "a": "assistant", "t": "tool"}
    assert after_answers([{"role": names[letter], "content": ""} for letter in roles]) == index


def test_what_the_model_said_in_responses():
    kinds = ["reasoning", "function_call", "web_search_call", "item_reference", "message", "function_call_output"]
    assert [is_models({"type": kind}) for kind in kinds] == [True, True, True, True, False, False]
    assert is_models({"type": "message", "role": "assistant"})


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("OBSERVATION:\n     1\tx", True),
        ("Observation: 4 files", True),
        ("<returncode>0</returncode>\n<output>\nx</output>", True),
        ("EXECUTION RESULT of [execute_bash]:\nx", True),
        ("[read_file for 'a.py'] Result:\nx", True),
        ("[File: /src/a.py (40 lines total)]\n1:x", True),
        ("Tool result for read:\nx", True),
        ("Please read the output: it is wrong", False),
        ("I observed something", False),
        ("", False),
    ],
)
@pytest.mark.parametrize(
    ("shape", "content"),
    [
        ("chat", lambda text: text),
        ("chat", lambda text: [{"type": "text", "text": text}]),
        ("messages", lambda text: text),
        ("messages", lambda text: [{"type": "text", "text": text}]),
        ("responses", lambda text: [{"type": "input_text", "text": text}]),
    ],
    ids=["chat", "chat parts", "messages", "messages blocks", "responses"],
)
def test_results_that_come_as_a_users_message(shape, content, text, is_one):
    messages = [
        {"role": "user", "content": content(text)},
        {"role": "assistant", "content": "ls"},
        {"role": "user", "content": content(text)},
    ]
    found = locate(shape, messages)
    assert [(path, piece.text, piece.tool) for path, piece in found.pop(2, [])] == (
        [((0,), text, "")] if is_one else []
    )
    assert not found, "what stands before the model's first word is the user's own"
    made = replaced(shape, messages, {2: {(0,): "new"}})
    assert made[2] == {"role": "user", "content": content("new")}
    assert made[:2] == messages[:2]
