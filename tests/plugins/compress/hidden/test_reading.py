import copy

import pytest

from tailrace_plugins.compress.hidden.nouns import Call
from tailrace_plugins.compress.hidden.reading import Reading, clients_items, read, taken_out, turns, without

NAMES = frozenset({"expand", "load"})
SHAPES = ("chat", "responses", "messages")


def chat(*names, content="Hm.", ended="tool_calls", **message):
    calls = [
        {"id": f"c{place}", "type": "function", "function": {"name": name, "arguments": "{}"}}
        for place, name in enumerate(names)
    ]
    said = {"role": "assistant", "content": content, **({"tool_calls": calls} if calls else {}), **message}
    return {"id": "x", "choices": [{"index": 0, "message": said, "finish_reason": ended, "odd": 1}], "odder": 2}


def message(*names, ended="tool_use", text="Hm."):
    blocks = [{"type": "tool_use", "id": f"c{place}", "name": name, "input": {}} for place, name in enumerate(names)]
    return {"id": "x", "content": [{"type": "text", "text": text}, *blocks], "stop_reason": ended, "odder": 2}


def response(*names, ended="completed"):
    items = [
        {"type": "reasoning", "id": f"r{place}"} if name == "?" else
        {"type": "function_call", "call_id": f"c{place}", "name": name, "arguments": "{}"}
        for place, name in enumerate(names)
    ]  # fmt: skip
    return {"id": "x", "output": items, "status": ended, "odder": 2}


MAKERS = {"chat": chat, "responses": response, "messages": message}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    ("names", "hidden", "others"),
    [
        ((), 0, False),
        (("look",), 0, True),
        (("expand",), 1, False),
        (("expand", "load"), 2, False),
        (("expand", "look"), 1, True),
        (("look", "expand"), 1, True),
        (("expand_all", "expan", "", "Expand"), 0, True),
    ],
)
def test_the_calls_are_found(shape, names, hidden, others):
    answer = MAKERS[shape](*names)
    before = copy.deepcopy(answer)
    found = read(shape, answer, NAMES)
    assert (len(found.hidden), found.others, found.whole) == (hidden, others, True)
    bare = without(shape, answer, NAMES)
    assert read(shape, bare, NAMES) == Reading((), others, True) and bare["odder"] == 2
    if not hidden:
        assert bare == answer
    for call in found.hidden:
        assert call.arguments == "{}" and call.id
    assert answer == before


@pytest.mark.parametrize(
    ("shape", "ended", "whole", "left"),
    [
        ("chat", "tool_calls", True, "stop"),
        ("chat", "function_call", True, "stop"),
        ("chat", "stop", True, "stop"),
        ("chat", None, True, None),
        ("chat", "", True, ""),
        ("chat", "length", False, "length"),
        ("chat", "content_filter", False, "content_filter"),
        ("chat", ["odd"], False, ["odd"]),
        ("messages", "tool_use", True, "end_turn"),
        ("messages", "end_turn", True, "end_turn"),
        ("messages", "max_tokens", False, "max_tokens"),
        ("messages", "pause_turn", False, "pause_turn"),
        ("responses", "completed", True, "completed"),
        ("responses", "incomplete", False, "incomplete"),
    ],
)
def test_how_an_answer_ends(shape, ended, whole, left):
    answer = MAKERS[shape]("expand", ended=ended)
    assert read(shape, answer, NAMES).whole is whole
    bare = without(shape, answer, NAMES)
    key = {"chat": "finish_reason", "responses": "status", "messages": "stop_reason"}[shape]
    assert (bare["choices"][0] if shape == "chat" else bare)[key] == left
    mixed = without(shape, MAKERS[shape]("expand", "look", ended=ended), NAMES)
    assert (mixed["choices"][0] if shape == "chat" else mixed)[key] == ended


def test_what_is_left_of_an_answer_can_be_sent_back():
    bare = without("chat", chat("expand", content=None), NAMES)
    assert bare["choices"][0]["message"] == {"role": "assistant", "content": ""} and bare["choices"][0]["odd"] == 1
    bare = without("chat", chat("expand", "look", content=None), NAMES)
    assert bare["choices"][0]["message"]["content"] is None


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    "answer",
    [None, 3, [], {}, {"choices": None}, {"choices": [3]}, {"choices": [{"message": 3}]}, {"output": {}},
     {"output": [3, {"type": ["odd"]}]}, {"content": "expand"}, {"content": [3, {"type": "tool_use", "name": ["expand"]}]},
     {"choices": [{"message": {"tool_calls": [3, {"function": 3}, {"function": {"name": 3}}]}}]}],
)  # fmt: skip
def test_odd_answers_are_the_clients(shape, answer):
    assert not read(shape, answer, NAMES).hidden
    if isinstance(answer, dict):
        assert without(shape, answer, NAMES) == answer


def test_calls_that_the_client_must_answer():
    for kind in ("custom_tool_call", "computer_call", "local_shell_call", "apply_patch_call", "mcp_approval_request"):
        assert read("responses", {"output": [{"type": kind}]}, NAMES).others
    for kind in ("web_search_call", "file_search_call", "mcp_call", "message", "reasoning", "mcp_list_tools"):
        assert not read("responses", {"output": [{"type": kind}]}, NAMES).others
    assert not read("messages", {"content": [{"type": "server_tool_use", "name": "web_search"}]}, NAMES).others
    assert read("chat", {"choices": [{"message": {"function_call": {"name": "look"}}}]}, NAMES).others
    custom = {"id": "c", "type": "custom", "custom": {"name": "expand", "input": "x"}}
    assert read("chat", {"choices": [{"message": {"tool_calls": [custom]}}]}, NAMES) == Reading((), True, True)


@pytest.mark.parametrize(
    ("names", "left"),
    [
        (("?", "look"), "r0 c1"),
        (("?", "expand"), ""),
        (("?", "expand", "look"), "r0 c2"),
        (("?", "look", "?", "expand"), "r0 c1"),
        (("?", "look", "?", "expand", "?", "load"), "r0 c1"),
        (("?", "look", "?", "expand", "?", "look"), "r0 c1 r2 r4 c5"),
        (("look", "?"), "c0 r1"),
        (("?",), "r0"),
    ],
)
def test_thoughts_go_with_what_they_led_to(names, left):
    output = response(*names)["output"]
    assert " ".join(item.get("id") or item["call_id"] for item in clients_items(output, NAMES)) == left
    calls, _ = taken_out("responses", {"output": output}, NAMES, [])
    assert len(calls) + len(left.split()) == len(names)


def test_the_next_round_of_chat():
    answer = chat("expand", content=None, refusal=None, annotations=[], reasoning_content="hm", audio={"id": "a"})
    call = answer["choices"][0]["message"]["tool_calls"][0]
    call |= {"index": 0, "extra_content": {"google": {"thought_signature": "s"}}}
    given = turns("chat", answer, [(Call("c0", "expand", "{}"), "the text")])
    sent = {key: value for key, value in call.items() if key != "index"}
    assert given == [
        {"role": "assistant", "content": None, "reasoning_content": "hm", "tool_calls": [sent]},
        {"role": "tool", "tool_call_id": "c0", "content": "the text"},
    ]


def test_the_next_round_of_messages():
    thinking = {"type": "thinking", "thinking": "hm", "signature": "s"}
    call = {"type": "tool_use", "id": "c", "name": "expand", "input": "{oops", "caller": {"type": "direct"}}
    answer = {"content": [thinking, {"type": "text", "text": ""}, {"type": "redacted_thinking", "data": "d"}, call]}
    (found,) = read("messages", answer, NAMES).hidden
    assert found == Call("c", "expand", "{oops")
    assert turns("messages", answer, [(found, "the text")]) == [
        {"role": "assistant", "content": [thinking, {"type": "redacted_thinking", "data": "d"}, {**call, "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c", "content": "the text"}]},
    ]


def test_the_next_round_of_responses():
    thought = {"type": "reasoning", "id": "r", "summary": [], "encrypted_content": "e"}
    call = {
        "type": "function_call",
        "id": "f",
        "call_id": "c",
        "name": "expand",
        "arguments": "{}",
        "status": "completed",
    }
    done = {"type": "function_call_output", "call_id": "c", "output": "the text"}
    results = [(Call("c", "expand", "{}"), "the text")]
    for stored in (True, False):
        assert turns("responses", {"output": [thought, call]}, results, stored=stored) == [thought, call, done]
    bare = {"type": "reasoning", "id": "r", "summary": []}
    assert turns("responses", {"output": [bare, call]}, results, stored=False) == [call, done]
    assert turns("responses", {"output": [bare, call]}, results, stored=True) == [bare, call, done]


@pytest.mark.parametrize("shape", SHAPES)
def test_a_call_without_an_id_gets_one(shape):
    answer = MAKERS[shape]("look", "expand", "load")
    for entry in answer.get("output") or answer.get("content") or answer["choices"][0]["message"]["tool_calls"]:
        entry.pop("id", None)
        entry.pop("call_id", None)
    found = read(shape, answer, NAMES).hidden
    assert len({call.id for call in found}) == 2 and all(call.id for call in found)
    results = [(call, "text") for call in found]
    calls, answers = taken_out(shape, answer, NAMES, results)
    key = "call_id" if shape == "responses" else "id"
    to = {"chat": "tool_call_id", "responses": "call_id", "messages": "tool_use_id"}[shape]
    assert [call[key] for call in calls] == [call.id for call in found] == [one[to] for one in answers]
    assert all(call.id in str(turns(shape, answer, results)[0 if shape != "responses" else 1 :]) for call in found)


@pytest.mark.parametrize(
    ("given", "sent"), [("{}", "{}"), ("{oops", "{}"), ("[1]", "{}"), ("", "{}"), (None, "{}"), ({"a": 1}, '{"a":1}')]
)
def test_arguments_are_sent_back_as_an_object(given, sent):
    answer = chat("expand")
    answer["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"] = given
    assert turns("chat", answer, [])[0]["tool_calls"][0]["function"]["arguments"] == sent
