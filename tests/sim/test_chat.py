import orjson
import pytest

from tailrace.sim import chat
from tailrace.sim.errors import Refusal
from tailrace.sim.plan import Call, Choice, Usage
from tailrace.sim.script import Kind
from tailrace.sim.tokens import Tokenizer

HEAD = chat.Head("chatcmpl-sim-1", "m", 1)
CALLED = {"role": "assistant", "tool_calls": [{"id": "a", "type": "function", "function": {"name": "f"}}]}
USER = {"role": "user", "content": "hi"}


def read(**body):
    return chat.read({"model": "m", "messages": [USER], **body}, Tokenizer())


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"model": None}, None),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "tool", "tool_call_id": "a", "content": "x"}]}, "messages[0].role"),
        ({"messages": [USER, CALLED]}, "messages"),
        ({"messages": [USER, CALLED, USER]}, "messages"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"n": 129}, "n"),
        ({"tools": [{"type": "function", "function": {"name": "two words"}}]}, "tools[0].function.name"),
        ({"tool_choice": {"type": "function", "function": {"name": "f"}}}, "tool_choice"),
    ],
)
def test_what_openai_refuses_is_refused(body, param):
    with pytest.raises(Refusal) as caught:
        read(**body)
    assert (caught.value.status, caught.value.param) == (400, param)


def test_answered_calls_are_accepted():
    made = read(messages=[USER, CALLED, {"role": "tool", "tool_call_id": "a", "content": "found"}])
    assert (made.rounds_done, made.results) == (1, ("found",))


def chunks(*choices, usage=None, top=None):
    steps = list(chat.chunks(HEAD, choices, usage, top))
    assert steps[-1].data == b"data: [DONE]\n\n"
    return steps, [orjson.loads(step.data.removeprefix(b"data: ")) for step in steps[:-1]]


def test_text_comes_a_token_a_chunk():
    steps, parsed = chunks(Choice(("Hel", "lo")))
    assert [chunk["choices"][0]["delta"] for chunk in parsed] == [
        {"role": "assistant", "content": ""},
        {"content": "Hel"},
        {"content": "lo"},
        {},
    ]
    assert [chunk["choices"][0]["finish_reason"] for chunk in parsed] == [None, None, None, "stop"]
    assert [step.kind for step in steps[-2:]] == [Kind.FINISH, Kind.DONE]
    assert "usage" not in parsed[0]


def test_a_call_comes_name_first_then_its_arguments_in_fragments():
    call = Call("call_1", "read", '{"path":"a/b.py"}')
    _, parsed = chunks(Choice(calls=(call, call), finish="tool_calls"))
    deltas = [d for chunk in parsed for d in chunk["choices"][0]["delta"].get("tool_calls", ())]
    first = [delta for delta in deltas if delta["index"] == 0]
    assert first[0] == {
        "index": 0,
        "id": "call_1",
        "type": "function",
        "function": {"name": "read", "arguments": ""},
    }
    assert "".join(delta["function"]["arguments"] for delta in first) == call.arguments
    assert len(first) > 3
    assert {delta["index"] for delta in deltas} == {0, 1}


def test_the_usage_chunk_has_no_choices_and_the_others_null():
    _, parsed = chunks(Choice(("a",)), usage=Usage(5, 2, 1))
    assert parsed[-1]["choices"] == []
    assert parsed[-1]["usage"]["prompt_tokens_details"]["cached_tokens"] == 2
    assert all(chunk["usage"] is None for chunk in parsed[:-1])


def test_every_token_has_its_logprob():
    _, parsed = chunks(Choice(("a", "b")), top=2)
    content = [chunk["choices"][0]["logprobs"]["content"] for chunk in parsed[1:3]]
    assert [entry["token"] for (entry,) in content] == ["a", "b"]
    assert all(len(entry["top_logprobs"]) == 2 for (entry,) in content)


def test_a_refusal_is_no_content():
    made = chat.written(HEAD, [Choice(("no",), refusal=True)], Usage(1, 0, 1), None)
    assert made["choices"][0]["message"]["content"] is None
    assert made["choices"][0]["message"]["refusal"] == "no"
    assert made["system_fingerprint"] == "tailrace-sim"
