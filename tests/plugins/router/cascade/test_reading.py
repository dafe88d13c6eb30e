import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace.testing import chat_chunk, chat_text, data
from tailrace.wire import sse
from tailrace_plugins.router.cascade.reading import Answer, AnswerReader, Call, read_answer

CALL = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"a": 1}'}}


def chat(message=None, finish="stop", **more):
    return {
        "choices": [{"index": 0, "message": {"content": "Hi.", **(message or {})}, "finish_reason": finish, **more}]
    }


def responses(*output, status="completed", **more):
    return {"object": "response", "status": status, "output": list(output), **more}


def message(*content, stop_reason="end_turn"):
    return {"type": "message", "content": list(content), "stop_reason": stop_reason}


SAID = {"type": "message", "content": [{"type": "output_text", "text": "Hi.", "logprobs": [{"logprob": -1}]}]}


@pytest.mark.parametrize(
    ("shape", "body", "answer"),
    [
        ("chat", chat(), Answer("Hi.", finish="stop")),
        ("chat", chat({"content": [{"type": "text", "text": "a"}, {"text": "b"}, 3]}), Answer("ab", finish="stop")),
        ("chat", chat(finish="length"), Answer("Hi.", finish="length")),
        ("chat", chat(finish="eos"), Answer("Hi.", finish="other")),
        ("chat", chat(finish=None), Answer("Hi.")),
        ("chat", chat(finish="content_filter"), Answer("Hi.", finish="refused", refused=True)),
        ("chat", chat({"refusal": "No."}), Answer("Hi.", finish="stop", refused=True)),
        (
            "chat",
            chat(logprobs={"content": [{"logprob": -0.5}, {"logprob": 0}, {"logprob": "x"}, 3], "refusal": None}),
            Answer("Hi.", finish="stop", logprobs=(-0.5, 0.0)),
        ),
        (
            "chat",
            chat({"content": None, "tool_calls": [CALL]}, "stop"),
            Answer(finish="calls", calls=(Call("look", '{"a": 1}', "c1"),)),
        ),
        (
            "chat",
            chat(
                {"tool_calls": [{"id": "c", "type": "custom", "custom": {"name": "sh", "input": "ls"}}]}, "tool_calls"
            ),
            Answer("Hi.", finish="calls", calls=(Call("sh", "ls", "c", is_json=False),)),
        ),
        (
            "chat",
            chat({"function_call": {"name": "look", "arguments": "{}"}}, "function_call"),
            Answer("Hi.", finish="calls", calls=(Call("look", "{}"),)),
        ),
        (
            "completions",
            {
                "choices": [
                    {"index": 0, "text": "Hi.", "finish_reason": "stop", "logprobs": {"token_logprobs": [None, -1]}}
                ]
            },
            Answer("Hi.", finish="stop", logprobs=(-1.0,)),
        ),
        ("responses", responses(SAID), Answer("Hi.", finish="stop", logprobs=(-1.0,))),
        (
            "responses",
            responses({"type": "function_call", "name": "look", "arguments": "{}", "call_id": "c"}),
            Answer(finish="calls", calls=(Call("look", "{}", "c"),)),
        ),
        (
            "responses",
            responses(SAID, status="incomplete", incomplete_details={"reason": "max_output_tokens"}),
            Answer("Hi.", finish="length", logprobs=(-1.0,)),
        ),
        (
            "responses",
            responses({"type": "message", "content": [{"type": "refusal", "refusal": "No."}]}),
            Answer("No.", finish="stop", refused=True),
        ),
        ("responses", responses(status="failed"), Answer(broken=True)),
        ("messages", message({"type": "text", "text": "Hi."}), Answer("Hi.", finish="stop")),
        (
            "messages",
            message(
                {"type": "thinking", "thinking": "?"},
                {"type": "tool_use", "id": "t", "name": "look", "input": {"a": 1}},
            ),
            Answer(finish="calls", calls=(Call("look", '{"a":1}', "t"),)),
        ),
        (
            "messages",
            message({"type": "tool_use", "id": "t", "name": "look", "input": '{"a'}, stop_reason="max_tokens"),
            Answer(finish="length", calls=(Call("look", '{"a', "t"),)),
        ),
        ("messages", message(stop_reason="refusal"), Answer(finish="refused", refused=True)),
        ("messages", {"type": "error", "error": {"message": "x"}}, Answer(broken=True)),
        *(
            (shape, odd, Answer(broken=True))
            for shape in ("chat", "messages")
            for odd in (None, [], {}, {"choices": [3]})
        ),
    ],
)
def test_whole_answers(shape, body, answer):
    assert read_answer(shape, body) == answer


def test_usage_is_read_and_several_choices_are_read_as_the_first():
    body = chat()
    body["choices"].insert(0, {"index": 1, "message": {"content": "Other."}})
    answer = read_answer("chat", body | {"usage": {"prompt_tokens": 1, "completion_tokens": 2}})
    assert answer.text == "Hi." and answer.usage.output_tokens == 2


def test_what_is_fit_to_be_learnt_from():
    assert Answer("x", finish="stop").is_complete and Answer(calls=(Call("f", "{}"),), finish="calls").is_complete
    for answer in (
        Answer("x"),
        Answer("x", finish="length"),
        Answer("x", finish="stop", refused=True),
        Answer(finish="stop"),
    ):
        assert not answer.is_complete


def test_as_a_chat_message():
    assert Answer("Hi.").as_message() == {"role": "assistant", "content": "Hi."}
    assert read_answer("chat", chat({"content": None, "tool_calls": [CALL]})).as_message() == {
        "role": "assistant",
        "content": None,
        "tool_calls": [CALL],
    }


def reader(shape, *frames):
    made = AnswerReader(shape)
    for frame in frames:
        made.feed(sse.parse(frame))
    return made


def test_a_chat_stream():
    begun = reader("chat", *chat_text("Hel", "lo world and more")[:2])
    assert (begun.answer().text, begun.tokens, begun.is_over, begun.answer().finish) == ("Hel", 1, False, "")
    whole = reader("chat", *chat_text("Hel", "lo world and more"))
    assert (whole.answer().text, whole.tokens, whole.is_over, whole.answer().finish) == (
        "Hello world and more",
        6,
        True,
        "stop",
    )


def test_reasoning_is_no_part_of_the_answer():
    made = reader("chat", chat_chunk({"reasoning_content": "hm " * 100}))
    assert (made.tokens, made.answer().text) == (0, "")


def test_tokens_are_counted_where_the_provider_tells_them(kit):
    frames = [kit.chunk("a very long piece of text", 0.5), kit.chunk("b", 0.25)]
    made = reader("chat", *frames)
    assert made.tokens == 2 and made.answer().logprobs == pytest.approx((-0.693, -1.386), abs=0.001)


def test_calls_that_begin():
    assert reader("chat", chat_chunk({"tool_calls": [{"index": 0, "function": {"name": "f"}}]})).calls_begun
    item = {"type": "response.output_item.added", "output_index": 0, "item": {"type": "function_call"}}
    assert reader("responses", data(item, item["type"])).calls_begun
    block = {"type": "content_block_start", "index": 0, "content_block": {"type": "tool_use", "name": "f"}}
    assert reader("messages", data(block, block["type"])).calls_begun
    search = {"type": "content_block_start", "index": 0, "content_block": {"type": "server_tool_use", "name": "f"}}
    assert not reader("messages", data(search, search["type"])).calls_begun


def test_logprobs_of_response_deltas():
    delta = {"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": "Hi"}
    made = reader("responses", data(delta | {"logprobs": [{"logprob": -1}]}, delta["type"]))
    assert made.answer().logprobs == (-1.0,)
    assert made.tokens == 1


def test_an_error_in_band():
    assert reader("chat", b'data: {"error": {"message": "x"}}\n\n').answer().broken


def test_an_end_with_usage_is_an_end_without_done():
    frames = chat_text("a")[:-1]
    assert not reader("chat", *frames).is_over
    usage = chat_chunk(choices=[], usage={"prompt_tokens": 1, "completion_tokens": 1})
    assert reader("chat", *frames, usage).is_over


ODD = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([
        "choices", "message", "delta", "content", "tool_calls", "function", "logprobs", "index", "output", "type", "text",
        "usage", "status", "item", "name", "arguments", "finish_reason", "content_block", "token_logprobs", "logprob",
    ]), inner, max_size=5),
    max_leaves=20,
)  # fmt: skip


@given(st.sampled_from(["chat", "completions", "responses", "messages"]), ODD)
def test_reading_never_fails(shape, body):
    read_answer(shape, body).as_message()
    made = AnswerReader(shape)
    made.feed(sse.parse(data({"x": 1})))
    from tailrace.wire import jsonio

    made.feed(sse.parse(sse.encode(jsonio.dumps(body))))
    made.answer()
