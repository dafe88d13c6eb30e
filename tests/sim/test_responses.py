import orjson
import pytest

from tailrace.sim import responses
from tailrace.sim.chat import Head
from tailrace.sim.errors import Refusal
from tailrace.sim.plan import Call, Choice, Usage
from tailrace.sim.tokens import Tokenizer

HEAD = Head("resp_sim_1", "m", 1)
USAGE = Usage(2000, 1024, 7, 3)
CALL = {"type": "function_call", "call_id": "a", "name": "f", "arguments": "{}"}
RESULT = {"type": "function_call_output", "call_id": "a", "output": "found"}
USER = {"role": "user", "content": [{"type": "input_text", "text": "hi"}]}


def read(earlier=(), **body):
    return responses.read({"model": "m", "input": "hi", **body}, earlier, Tokenizer())


def test_input_of_either_form_and_instructions_are_read():
    assert read().question == read(input=[USER]).question == "hi"
    assert read(instructions="Be brief").prompt_tokens > read().prompt_tokens


def test_flat_tools_and_items_of_a_loop_are_read():
    made = read(input=[USER, CALL, RESULT], tools=[{"type": "function", "name": "f", "parameters": {}}])
    assert (made.rounds_done, made.results, made.tools[0].name) == (1, ("found",), "f")


def test_what_came_before_counts():
    assert read([USER, CALL], input=[RESULT]).rounds_done == 1


@pytest.mark.parametrize("given", [None, 7, ["x"], [RESULT], [{"role": "robot", "content": "x"}]])
def test_bad_input_is_refused(given):
    with pytest.raises(Refusal):
        read(input=given)


def events(choice):
    done = responses.written(HEAD, {"model": "m"}, choice, USAGE)
    made = []
    for step in responses.events(done, choice):
        head, data = step.data.strip().split(b"\n")
        parsed = orjson.loads(data.removeprefix(b"data: "))
        assert head == b"event: " + parsed["type"].encode()
        made.append(parsed)
    assert [event["sequence_number"] for event in made] == list(range(len(made)))
    return done, made


def test_the_events_of_a_text():
    done, made = events(Choice(("Hel", "lo")))
    assert [event["type"] for event in made] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    assert made[-1]["response"] == done
    assert made[2]["item"]["content"] == []
    assert done["usage"]["input_tokens_details"] == {"cached_tokens": 1024}
    assert done["system_fingerprint"] == "tailrace-sim"


def test_the_events_of_calls():
    call = Call("call_1", "read", '{"path":"a"}')
    done, made = events(Choice(calls=(call, call), finish="tool_calls"))
    fragments = [e["delta"] for e in made if e["type"].endswith("arguments.delta") and e["output_index"] == 1]
    assert "".join(fragments) == call.arguments
    assert [item["type"] for item in done["output"]] == ["function_call"] * 2
    assert made[2]["item"]["arguments"] == ""


def test_reasoning_comes_first_and_a_cut_answer_is_incomplete():
    done, made = events(Choice(("a",), finish="length", reasoning=("think",)))
    assert [item["type"] for item in done["output"]] == ["reasoning", "message"]
    assert made[-1]["type"] == "response.incomplete"
    assert done["incomplete_details"] == {"reason": "max_output_tokens"}
