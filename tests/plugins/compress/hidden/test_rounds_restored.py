"""The next turn, put together by a client of what it was given: restored, it goes on from what the provider was sent."""

import pytest

from tailrace.testing import events, virtual_time, whole
from tailrace_plugins.compress.hidden.restore import restored

EACH = pytest.mark.parametrize("shape", ["chat", "responses", "messages"])
STREAMS = pytest.mark.parametrize("stream", [False, True])


def key(shape):
    return "input" if shape == "responses" else "messages"


def next_turn(shape, answer):
    """The client's next messages: what it was given, its own calls answered, and a word more."""
    more = {"role": "user", "content": "More?"}
    if shape == "chat":
        message = answer["choices"][0]["message"]
        results = [
            {"role": "tool", "tool_call_id": call["id"], "content": "own"} for call in message.get("tool_calls", ())
        ]
        return [message, *results, more]
    if shape == "messages":
        results = [
            {"type": "tool_result", "tool_use_id": block["id"], "content": "own"}
            for block in answer["content"]
            if block["type"] == "tool_use"
        ]
        said = {"role": "assistant", "content": answer["content"]}
        return [said, {"role": "user", "content": [*results, {"type": "text", "text": "More?"}]}]
    results = [
        {"type": "function_call_output", "call_id": item["call_id"], "output": "own"}
        for item in answer["output"]
        if item["type"] == "function_call"
    ]
    return [*answer["output"], *results, more]


def unanswered(shape, messages):
    """Calls without a result behind them, and results without a call before them."""
    told = str(messages)
    ids = {"chat": "tool_call_id", "messages": "tool_use_id", "responses": "call_id"}[shape]
    calls, results = set(), set()
    for message in messages:
        for call in message.get("tool_calls") or ():
            calls.add(call["id"])
        if message.get("type") == "function_call":
            calls.add(message["call_id"])
        elif ids in message:
            results.add(message[ids])
        for block in message["content"] if isinstance(message.get("content"), list) else ():
            if block.get("type") == "tool_use":
                calls.add(block["id"])
            elif block.get("type") == "tool_result":
                results.add(block["tool_use_id"])
    assert told
    return calls ^ results


@EACH
@STREAMS
@pytest.mark.parametrize(
    "rounds",
    [
        [["It is 4."]],
        [[("expand", "{}")], ["It is 4."]],
        [["Let me look.", ("expand", "{}")], ["It is 4."]],
        [["Let me look.", ("expand", "{}"), ("expand", '{"b":1}')], ["And.", ("expand", "{}")], ["It is 4."]],
        [["Let me look.", ("expand", "{}")], ["Now.", ("expand_all", "{}")]],
        [["Now.", ("expand", "{}"), ("expand_all", "{}")]],
        [["Now.", ("expand_all", "{}"), ("expand", "{}")]],
        [["Look.", ("expand", "{}")], ["Now.", ("expand", "{}"), ("expand_all", "{}"), ("expand", "{}")]],
        [[("expand", "{}")], [("expand_all", "{}"), ("expand", "{}")]],
    ],
)
@pytest.mark.parametrize("thought", [None, "hm"])
@virtual_time
async def test_the_next_turn_goes_on_from_what_the_provider_has(kit, shape, stream, rounds, thought):
    bodies = [
        kit.answer(shape, *parts, number=number, thought=thought and f"{thought}{number}")
        for number, parts in enumerate(rounds, 1)
    ]
    answers = [events(*kit.frames(shape, body)) if stream else whole(body) for body in bodies]
    result, plugin = await kit.ask(shape, *answers, payload={"stream": stream})
    sent = result.upstream.got[-1].payload[key(shape)]
    own = result.exchange.payload[key(shape)]
    client = [*own, *next_turn(shape, result.answer)]
    assert "'expand'" not in str(client)
    turn = client
    for inserted in plugin.kept:
        turn = restored(shape, client, len(own), inserted)
    assert turn[: len(sent)] == sent, "the prefix that the provider has"
    assert not unanswered(shape, turn)
    said = turn[len(sent) :]
    if shape == "messages":
        assert said[0]["content"] == sorted(bodies[-1]["content"], key=lambda block: block.get("name") == "expand")
    elif shape == "chat":
        # A client's chat message holds the thoughts of all rounds; only the text is cut.
        message = bodies[-1]["choices"][0]["message"]
        assert (said[0].get("content") or None) == message["content"]
        assert len(said[0].get("tool_calls", ())) == len(message.get("tool_calls", ()))
    else:
        assert sorted(item["id"] for item in said if "id" in item) == sorted(
            item["id"] for item in bodies[-1]["output"]
        )
