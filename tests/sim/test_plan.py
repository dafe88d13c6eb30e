import orjson
import pytest

from tailrace.sim import chat
from tailrace.sim.plan import plan
from tailrace.sim.tokens import Tokenizer

jsonschema = pytest.importorskip("jsonschema")

SCHEMA = {
    "type": "object",
    "properties": {"path": {"type": "string"}, "limit": {"type": "integer", "minimum": 1, "maximum": 9}},
    "required": ["path"],
    "additionalProperties": False,
}
TOOLS = [{"type": "function", "function": {"name": name, "parameters": SCHEMA}} for name in ("read", "search", "run")]


def ask(content="Fix it", messages=None, **body):
    messages = messages or [{"role": "user", "content": content}]
    return chat.read({"model": "m", "messages": messages, **body}, Tokenizer())


def loop(content, rounds=9, **body):
    """Play an agent to the end; return the names called in each round, and the final choice."""
    messages, called = [{"role": "user", "content": content}], []
    for _ in range(50):
        (choice,) = plan(ask(messages=messages, tools=TOOLS, **body), rounds)
        if not choice.calls:
            return called, choice
        called.append([call.name for call in choice.calls])
        calls = [{"id": c.id, "type": "function", "function": {"name": c.name}} for c in choice.calls]
        messages.append({"role": "assistant", "content": None, "tool_calls": calls})
        messages += [{"role": "tool", "tool_call_id": c.id, "content": f"result of {c.name}"} for c in choice.calls]
    raise AssertionError("the loop never ended")


@pytest.mark.parametrize(
    ("content", "rounds"),
    [("Fix it", 9), ("Fix it [[sim: rounds=2]]", 2), ("Fix it [[sim: rounds=0]]", 0), ("[[sim: rounds=12]]", 12)],
)
def test_tools_are_called_in_order_for_so_many_rounds(content, rounds):
    called, final = loop(content)
    assert [names for (names,) in called] == [("read", "search", "run")[at % 3] for at in range(rounds)]
    assert final.finish == "stop"
    assert not rounds or "tool calls" in final.text


def test_parallel_calls_are_one_round():
    called, final = loop("Fix it [[sim: rounds=2 parallel=2]]")
    assert called == [["read", "search"], ["run", "read"]]
    assert "4 tool calls" in final.text


def test_parallel_calls_can_be_switched_off():
    called, _ = loop("[[sim: rounds=1 parallel=3]]", parallel_tool_calls=False)
    assert called == [["read"]]


def test_one_tool_can_be_asked_for():
    called, _ = loop("[[sim: rounds=3 tool=run]]")
    assert called == [["run"]] * 3


def test_arguments_are_valid_and_ids_are_unique():
    (choice,) = plan(ask("[[sim: parallel=20]]", tools=TOOLS), 9)
    for call in choice.calls:
        jsonschema.validate(orjson.loads(call.arguments), SCHEMA)
    assert len({call.id for call in choice.calls}) == 20


@pytest.mark.parametrize(
    ("choice", "names", "finish"),
    [
        ("none", [], "stop"),
        ("auto", ["read"], "tool_calls"),
        ("required", ["read"], "tool_calls"),
        ({"type": "function", "function": {"name": "run"}}, ["run"], "stop"),
    ],
)
def test_tool_choice(choice, names, finish):
    (made,) = plan(ask(tools=TOOLS, tool_choice=choice), 9)
    assert [call.name for call in made.calls] == names
    assert made.finish == finish


def test_required_calls_even_when_the_rounds_are_over():
    (made,) = plan(ask("[[sim: rounds=0]]", tools=TOOLS, tool_choice="required"), 9)
    assert len(made.calls) == 1


def test_the_answer_depends_on_the_request_and_on_nothing_else():
    assert plan(ask("one"), 9) == plan(ask("one", stream=True, user="x"), 9)
    assert plan(ask("one", seed=1), 9) != plan(ask("one", seed=2), 9)


def test_several_choices_differ():
    assert len({choice.text for choice in plan(ask("Tell me", n=3), 9)}) == 3


@pytest.mark.parametrize(("limit", "tokens", "finish"), [(5, 5, "length"), (1, 1, "length"), (1000, 20, "stop")])
def test_max_tokens(limit, tokens, finish):
    (made,) = plan(ask("[[sim: tokens=20]]", max_tokens=limit), 9)
    assert (made.tokens, made.finish) == (tokens, finish)


def test_reasoning_counts_and_is_cut_first_to_last():
    (made,) = plan(ask("[[sim: tokens=20 reasoning=30]]"), 9)
    assert (len(made.reasoning), len(made.pieces)) == (30, 20)
    (made,) = plan(ask("[[sim: tokens=20 reasoning=30]]", max_tokens=35), 9)
    assert (len(made.reasoning), len(made.pieces), made.finish) == (30, 5, "length")


def test_stop_ends_before_the_first_sequence():
    (made,) = plan(ask('[[sim: text="one STOP two END"]]', stop=["END", "STOP"]), 9)
    assert (made.text, made.finish, made.stopped_by) == ("one ", "stop", "STOP")


@pytest.mark.parametrize(
    ("form", "schema"),
    [
        ({"type": "json_object"}, {"type": "object"}),
        ({"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}}, SCHEMA),
    ],
)
def test_response_format(form, schema):
    (made,) = plan(ask(response_format=form), 9)
    jsonschema.validate(orjson.loads(made.text), schema)


def test_a_refusal_and_a_finish_can_be_asked_for():
    (made,) = plan(ask('[[sim: refusal="I will not."]]'), 9)
    assert (made.refusal, made.text) == (True, "I will not.")
    (made,) = plan(ask("[[sim: finish=content_filter]]"), 9)
    assert made.finish == "content_filter"
