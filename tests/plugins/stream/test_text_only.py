import pytest

from tailrace.testing import chat_chunk, data
from tailrace.wire import sse
from tailrace_plugins.stream.text_only import TextOnly, offers_tools

HEAD = {"id": "1", "object": "o", "created": 2, "model": "m"}


def chunk(*choices, **more):
    return sse.parse(data({**HEAD, "choices": list(choices), **more}))


def strip(shape, *events):
    text_only = TextOnly(shape)
    return [kept.json for event in events if (kept := text_only.take(event)) is not None]


def choice(delta, finish=None, **more):
    return {"index": 0, "delta": delta, "finish_reason": finish, **more}


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (chunk(choice({"content": "a"}, logprobs={"content": [1]})), choice({"content": "a"})),
        (chunk(choice({"content": "a"}), system_fingerprint="f", service_tier="t"), choice({"content": "a"})),
        (chunk(choice({"content": "a"}), obfuscation="xxx", usage=None), choice({"content": "a"})),
        (chunk(choice({"content": "a", "reasoning_content": "b"})), choice({"content": "a"})),
        (chunk(choice({"content": "a"}, content_filter_results={"x": 1})), choice({"content": "a"})),
        (chunk(choice({"content": "", "refusal": "no"})), choice({"refusal": "no"})),
        (chunk(choice({}, "stop", logprobs=None)), choice({}, "stop")),
        (chunk(choice({"content": ""}, "length")), choice({}, "length")),
    ],
)
def test_what_is_kept(given, kept):
    assert strip("chat", given) == [{**HEAD, "choices": [kept]}]


@pytest.mark.parametrize(
    "given",
    [
        chunk(choice({"role": "assistant", "content": ""})),
        chunk(choice({"role": "assistant", "content": None}), usage=None),
        chunk(choice({"reasoning_content": "hm"})),
        chunk(choice({})),
        chunk(prompt_filter_results=[{}]),
    ],
)
def test_what_is_dropped(given):
    assert strip("chat", given) == []


def test_the_role_moves_to_the_first_text_of_its_choice():
    role = {"role": "assistant", "content": ""}
    told = strip(
        "chat",
        chunk(choice(role)),
        chunk({**choice(role), "index": 1}),
        chunk({**choice({"content": "b"}), "index": 1}),
        chunk(choice({"content": "a"})),
        chunk(choice({"content": "c"})),
    )
    assert [one["choices"][0]["delta"] for one in told] == [
        {"role": "assistant", "content": "b"},
        {"role": "assistant", "content": "a"},
        {"content": "c"},
    ]


def test_usage_is_kept():
    usage = {"total_tokens": 3}
    assert strip("chat", chunk(usage=usage, system_fingerprint="f")) == [{**HEAD, "choices": [], "usage": usage}]


@pytest.mark.parametrize(
    "given",
    [
        chunk(choice({"content": "a"})),
        sse.parse(sse.DONE),
        sse.parse(b": ping\n\n"),
        sse.parse(data({"error": {"message": "x"}, "choices": [], "extra": 1})),
        sse.parse(data("[1]")),
        sse.parse(data({"odd": 1})),
        chunk("odd"),
        chunk(choice("odd")),
        chunk(choice({"content": [{"type": "thinking"}]}, logprobs=1)),
        chunk(choice({}, usage={"total_tokens": 1})),
        chunk(choice({}), x_groq={"usage": {"total_tokens": 1}}),
        sse.parse(b"id: 1\n" + chat_chunk("a", obfuscation="x")),
    ],
)
def test_untouched(given):
    assert TextOnly("chat").take(given) is given


@pytest.mark.parametrize(
    "delta",
    [
        {"tool_calls": [{"index": 0, "function": {"name": "f"}}]},
        {"function_call": {"name": "f"}},
        {"audio": {"id": "x"}},
    ],
)
def test_a_stream_that_brings_more_is_left_alone_from_there_on(delta):
    text_only = TextOnly("chat")
    call, after = chunk(choice(delta), obfuscation="x"), chunk(choice({"role": "assistant"}), obfuscation="x")
    assert text_only.take(call) is call
    assert text_only.take(after) is after


def test_null_tool_calls_are_none():
    assert strip("chat", chunk(choice({"content": "a", "tool_calls": None, "function_call": None}))) == [
        {**HEAD, "choices": [choice({"content": "a"})]}
    ]


def test_completions():
    text = {"text": "a", "index": 0, "logprobs": {"tokens": ["a"]}, "finish_reason": None}
    last = {"text": "", "index": 0, "logprobs": None, "finish_reason": "stop"}
    empty = {"text": "", "index": 0, "finish_reason": None}
    told = strip("completions", chunk(text), chunk(empty), chunk(last))
    assert [one["choices"] for one in told] == [
        [{"text": "a", "index": 0, "finish_reason": None}],
        [{"text": "", "index": 0, "finish_reason": "stop"}],
    ]


def test_responses_lose_fields_and_no_events():
    delta = {"type": "response.output_text.delta", "delta": "a", "sequence_number": 4}
    padded = sse.parse(data({**delta, "logprobs": [{"token": "a"}], "obfuscation": "xx"}, delta["type"]))
    text_only = TextOnly("responses")
    kept = text_only.take(padded)
    assert kept.json == {**delta, "logprobs": []}
    assert kept.event == "response.output_text.delta"
    assert text_only.saved_bytes == len(padded.raw) - len(kept.raw) > 0
    for untouched in ({**delta, "logprobs": []}, {"type": "response.created", "obfuscation": "x"}):
        event = sse.parse(data(untouched))
        assert text_only.take(event) is event
    call = sse.parse(data({"type": "response.output_item.added", "item": {"type": "function_call"}}))
    assert text_only.take(call) is call
    assert text_only.take(padded) is padded


def test_messages_are_left_alone():
    event = sse.parse(data({"type": "content_block_delta", "delta": {}, "obfuscation": "x"}))
    assert TextOnly("messages").take(event) is event


@pytest.mark.parametrize(
    ("payload", "offered"),
    [
        ({}, False),
        ({"tools": []}, False),
        ({"tools": None}, False),
        ({"tools": [{}]}, True),
        ({"functions": [{}]}, True),
    ],
)
def test_offers_tools(payload, offered):
    assert offers_tools(payload) is offered
