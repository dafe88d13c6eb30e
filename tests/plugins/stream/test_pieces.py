import pytest

from tailrace.testing import chat_chunk, data
from tailrace.wire import sse
from tailrace_plugins.stream.pieces import joined, read


def event(told, name=None):
    return sse.parse(data(told, name))


def chunk(delta, **more):
    return sse.parse(chat_chunk(delta, **more))


DELTA = {"type": "response.output_text.delta", "item_id": "i", "output_index": 0, "content_index": 0}
BLOCK = {"type": "content_block_delta", "index": 1}

TEXTS = [
    pytest.param("chat", chunk("hi"), (0,), id="chat"),
    pytest.param("chat", chunk(""), (0,), id="empty text is text"),
    pytest.param("chat", chunk("hi", index=3), (3,), id="another choice"),
    pytest.param("chat", chunk({"content": "hi", "reasoning_content": None, "tool_calls": []}), (0,), id="nulls"),
    pytest.param("chat", chunk("hi", usage=None, system_fingerprint="fp", obfuscation="x"), (0,), id="openai's fields"),
    pytest.param("completions", event({"choices": [{"text": "hi", "index": 0, "logprobs": None}]}), (0,), id="legacy"),
    pytest.param("responses", event({**DELTA, "delta": "hi", "sequence_number": 4}), ("i", 0, 0), id="responses"),
    pytest.param("responses", event({**DELTA, "delta": "hi", "logprobs": []}), ("i", 0, 0), id="empty logprobs"),
    pytest.param("messages", event({**BLOCK, "delta": {"type": "text_delta", "text": "hi"}}), (1,), id="messages"),
]


@pytest.mark.parametrize(("shape", "given", "where"), TEXTS)
def test_text_and_nothing_else(shape, given, where):
    piece = read(shape, given)
    assert piece is not None
    assert piece.where == where
    assert piece.text in ("hi", "")


LOGPROBS = {"content": [{"token": "h"}]}
LEFT_ALONE = [
    ("chat", chunk({"role": "assistant", "content": "a"})),
    ("chat", chunk({"content": None})),
    ("chat", chunk({})),
    ("chat", chunk({"content": [{"type": "text", "text": "a"}]})),
    ("chat", chunk({"content": "a", "refusal": "b"})),
    ("chat", chunk({"content": "a", "reasoning_content": "b"})),
    ("chat", chunk({"tool_calls": [{"index": 0}]})),
    ("chat", chunk({"content": "a", "tool_calls": [{"index": 0}]})),
    ("chat", chunk("a", finish="stop")),
    ("chat", chunk("a", usage={"total_tokens": 1})),
    ("chat", chunk("a", error={"message": "x"})),
    ("chat", chunk("a", usage={})),
    ("chat", chunk("a", error="x")),
    ("chat", chunk("a", citations=["x"])),
    ("chat", event({"choices": [{"index": 0, "delta": {"content": "a"}, "logprobs": LOGPROBS}]})),
    ("chat", event({"choices": [{"index": 0, "delta": {"content": "a"}, "token_ids": [7]}]})),
    ("chat", event({"choices": [{"index": 0, "delta": {"content": "a"}}, {"index": 1, "delta": {"content": "b"}}]})),
    ("chat", event({"choices": []})),
    ("chat", event({"choices": ["a"]})),
    ("chat", event({"choices": [{"delta": "a"}]})),
    ("chat", event({"error": {"message": "x"}})),
    ("chat", event("[DONE]")),
    ("chat", event("[1]")),
    ("chat", sse.parse(b": ping\n\n")),
    ("chat", sse.parse(b"id: 7\n" + chat_chunk("a"))),
    ("chat", sse.parse(b"retry: 7\n" + chat_chunk("a"))),
    ("completions", event({"choices": [{"text": "a", "index": 0, "logprobs": {"tokens": ["a"]}}]})),
    ("completions", event({"choices": [{"text": "a", "index": 0, "finish_reason": "stop"}]})),
    ("responses", event({**DELTA, "delta": "a", "logprobs": [{"token": "a"}]})),
    ("responses", event({**DELTA, "type": "response.function_call_arguments.delta", "delta": "a"})),
    ("messages", event({**BLOCK, "delta": {"type": "input_json_delta", "partial_json": "{"}})),
    ("messages", event({**BLOCK, "delta": {"type": "thinking_delta", "thinking": "a"}})),
    ("messages", event({**BLOCK, "delta": {"type": "text_delta", "text": "a", "citations": []}})),
    ("messages", event({"type": "ping"})),
]


@pytest.mark.parametrize(("shape", "given"), LEFT_ALONE)
def test_left_alone(shape, given):
    assert read(shape, given) is None


@pytest.mark.parametrize(
    ("one", "other", "joins"),
    [
        (chunk("a"), chunk("b"), True),
        (chunk("a", obfuscation="x"), chunk("b", obfuscation="yz"), True),
        (chunk("a"), chunk("b", index=1), False),
        (chunk("a", id="x"), chunk("b", id="y"), False),
        (chunk("a"), chunk("b", service_tier="flex"), False),
        (chunk("a"), sse.parse(data(chunk("b").json, "named")), False),
    ],
)
def test_what_joins(one, other, joins):
    assert read("chat", one).joins(read("chat", other)) is joins


@pytest.mark.parametrize(("shape", "given", "where"), TEXTS)
def test_joined_differs_in_the_text_only(shape, given, where):
    piece = read(shape, given)
    frame = joined(shape, piece, "hi there")
    again = read(shape, sse.parse(frame))
    assert again.text == "hi there"
    assert piece.joins(again)
    assert sse.parse(joined(shape, piece, piece.text)).json == given.json


def test_the_name_is_kept():
    named = sse.parse(data({**DELTA, "delta": "a"}, "response.output_text.delta"))
    assert joined("responses", read("responses", named), "b").startswith(b"event: response.output_text.delta\n")
