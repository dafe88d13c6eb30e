import orjson
import pytest

from tailrace.sim.chat import Head, chunks
from tailrace.sim.faults import chosen
from tailrace.sim.plan import Call, Choice
from tailrace.sim.script import sse_script


def parsed(model, *calls):
    choice = Choice(calls=calls, finish="tool_calls") if calls else Choice(("hi",))
    made = chosen(model).spoil(sse_script(chunks(Head("id", "m", 1), [choice], None)))
    return [orjson.loads(step.data.removeprefix(b"data: ")) for step in list(made.steps)[:-1]]


def deltas(chunk):
    return chunk["choices"][0]["delta"].get("tool_calls", [])


def test_a_lone_call_has_no_index_and_its_name_in_halves():
    found = [
        delta for chunk in parsed("fault-bad-tool-deltas", Call("c", "search", '{"q":1}')) for delta in deltas(chunk)
    ]
    assert all("index" not in delta and delta["id"] == "c" for delta in found)
    assert "".join(delta["function"].get("name", "") for delta in found) == "search"
    assert "".join(delta["function"].get("arguments") or "" for delta in found) == '{"q":1}'


def test_several_calls_share_a_chunk():
    made = parsed("fault-bad-tool-deltas", Call("a", "f", "{}"), Call("b", "g", '{"x":2}'))
    assert [len(deltas(chunk)) for chunk in made] == [0, 2, 2, 0]
    assert deltas(made[2])[1] == {"index": 1, "function": {"arguments": '{"x":2}'}}


@pytest.mark.parametrize("model", ["fault-empty-choices-first"])
def test_the_first_chunk_has_no_choices(model):
    made = parsed(model)
    assert made[0]["choices"] == []
    assert "prompt_filter_results" in made[0]
    assert made[1]["choices"][0]["delta"]["role"] == "assistant"
