import pytest
from cache_kit import chat_answer, completion_answer, message_answer, response_answer, tool_call
from hypothesis import given
from hypothesis import strategies as st

from tailrace.cache.answered import has_tool_calls, usage_of, why_not_kept
from tailrace.wire.endpoints import EndpointKind
from tailrace.wire.usage import Usage

CHAT, RESPONSES, MESSAGES = EndpointKind.CHAT, EndpointKind.RESPONSES, EndpointKind.MESSAGES
COMPLETIONS, EMBEDDINGS = EndpointKind.COMPLETIONS, EndpointKind.EMBEDDINGS


def choices(*given):
    return {**chat_answer(), "choices": list(given)}


def without(answer, *names):
    return {name: value for name, value in answer.items() if name not in names}


def refusing():
    parts = [{"type": "refusal", "refusal": "I cannot help with that."}]
    return response_answer(output=[{"type": "message", "role": "assistant", "content": parts}])


GOOD = chat_answer()["choices"][0]
TOLD = {"error": {"message": "x", "type": "server_error"}}

TABLE = [
    pytest.param(CHAT, chat_answer(), "", id="chat stop"),
    pytest.param(CHAT, chat_answer(None, finish="tool_calls", tool_calls=[tool_call()]), "", id="chat tool_calls"),
    pytest.param(CHAT, chat_answer(None, tool_calls=[tool_call()]), "", id="chat tool calls that end with stop"),
    pytest.param(
        CHAT, chat_answer(None, finish="function_call", function_call={"name": "f"}), "", id="chat function_call"
    ),
    pytest.param(CHAT, chat_answer(None, audio={"data": "UklG"}), "", id="chat audio"),
    pytest.param(CHAT, chat_answer(usage=None), "", id="chat without usage"),
    pytest.param(CHAT, chat_answer(finish="length"), "incomplete", id="chat length"),
    pytest.param(CHAT, chat_answer(finish="content_filter"), "incomplete", id="chat content_filter"),
    pytest.param(CHAT, chat_answer(finish=None), "incomplete", id="chat finish_reason null"),
    pytest.param(CHAT, choices(without(GOOD, "finish_reason")), "incomplete", id="chat finish_reason missing"),
    pytest.param(CHAT, chat_answer(finish="of_the_future"), "incomplete", id="chat unknown finish_reason"),
    pytest.param(CHAT, chat_answer(None, refusal="I cannot."), "refusal", id="chat refusal"),
    pytest.param(CHAT, chat_answer("Well,", refusal="I cannot."), "refusal", id="chat text and refusal"),
    pytest.param(CHAT, chat_answer(""), "empty", id="chat empty text"),
    pytest.param(CHAT, chat_answer(None), "empty", id="chat no text"),
    pytest.param(CHAT, choices(), "empty", id="chat no choices"),
    pytest.param(CHAT, choices(GOOD, {**GOOD, "finish_reason": "length"}), "incomplete", id="chat second of two"),
    pytest.param(CHAT, choices(GOOD, "odd"), "unknown-form", id="chat odd choice"),
    pytest.param(CHAT, choices({**GOOD, "message": None}), "unknown-form", id="chat no message"),
    pytest.param(CHAT, {**chat_answer(), "choices": {}}, "empty", id="chat choices of another type"),
    pytest.param(CHAT, TOLD, "error", id="chat error"),
    pytest.param(CHAT, {**chat_answer(), **TOLD}, "error", id="chat answer with an error"),
    pytest.param(CHAT, {}, "empty", id="chat empty object"),
    pytest.param(COMPLETIONS, completion_answer(), "", id="completions stop"),
    pytest.param(COMPLETIONS, completion_answer(finish="length"), "incomplete", id="completions length"),
    pytest.param(COMPLETIONS, completion_answer(finish="tool_calls"), "incomplete", id="completions other reason"),
    pytest.param(COMPLETIONS, completion_answer(""), "empty", id="completions empty"),
    pytest.param(COMPLETIONS, without(completion_answer(), "choices"), "empty", id="completions no choices"),
    pytest.param(EMBEDDINGS, {"data": [{"index": 0, "embedding": [0.1]}]}, "", id="embeddings"),
    pytest.param(EMBEDDINGS, {"data": [{"index": 0, "embedding": "AAAA"}]}, "", id="embeddings base64"),
    pytest.param(EMBEDDINGS, {"data": []}, "empty", id="embeddings empty"),
    pytest.param(EMBEDDINGS, {"data": [{"index": 0, "embedding": []}]}, "empty", id="embeddings empty vector"),
    pytest.param(EMBEDDINGS, {"data": None}, "empty", id="embeddings no data"),
    pytest.param(EMBEDDINGS, TOLD, "error", id="embeddings error"),
    pytest.param(RESPONSES, response_answer(), "", id="responses completed"),
    pytest.param(
        RESPONSES, response_answer(output=[{"type": "function_call", "name": "f", "arguments": "{}"}]), "",
        id="responses function_call",
    ),
    pytest.param(RESPONSES, response_answer(status="incomplete"), "incomplete", id="responses incomplete"),
    pytest.param(RESPONSES, response_answer(status="in_progress"), "incomplete", id="responses in progress"),
    pytest.param(RESPONSES, response_answer(status="queued"), "incomplete", id="responses queued"),
    pytest.param(RESPONSES, without(response_answer(), "status"), "incomplete", id="responses no status"),
    pytest.param(RESPONSES, response_answer(status="failed", **TOLD), "error", id="responses failed"),
    pytest.param(RESPONSES, response_answer(output=[]), "empty", id="responses no output"),
    pytest.param(RESPONSES, refusing(), "refusal", id="responses refusal"),
    pytest.param(MESSAGES, message_answer(), "", id="messages end_turn"),
    pytest.param(MESSAGES, message_answer(stop_reason="stop_sequence", stop_sequence="\n"), "", id="messages sequence"),
    pytest.param(
        MESSAGES, message_answer(stop_reason="tool_use", content=[{"type": "tool_use", "name": "f", "input": {}}]), "",
        id="messages tool_use",
    ),
    pytest.param(MESSAGES, message_answer(stop_reason="max_tokens"), "incomplete", id="messages max_tokens"),
    pytest.param(MESSAGES, message_answer(stop_reason="pause_turn"), "incomplete", id="messages pause_turn"),
    pytest.param(MESSAGES, message_answer(stop_reason="refusal"), "incomplete", id="messages refusal"),
    pytest.param(MESSAGES, message_answer(stop_reason=None), "incomplete", id="messages no reason"),
    pytest.param(MESSAGES, message_answer(content=[]), "empty", id="messages empty"),
    pytest.param(MESSAGES, {"type": "error", "error": {"type": "overloaded_error"}}, "error", id="messages error"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "answer", "why"), TABLE)
def test_what_may_be_served_again(kind, answer, why):
    assert why_not_kept(kind, answer) == why


@pytest.mark.parametrize("kind", EndpointKind)
@pytest.mark.parametrize("answer", [None, [], "text", 3, True])
def test_what_is_no_answer(kind, answer):
    assert why_not_kept(kind, answer) == "not-json"


@pytest.mark.parametrize("kind", [EndpointKind.COUNT_TOKENS, EndpointKind.MODELS, EndpointKind.PASSTHROUGH])
def test_what_is_no_call_of_a_model(kind):
    assert why_not_kept(kind, chat_answer()) == "unknown-form"


JSON = st.recursive(
    st.none() | st.booleans() | st.text(max_size=3) | st.integers(0, 3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["choices", "message", "content", "output", "data", "finish_reason", "error"]), inner
        )
    ),
    max_leaves=8,
)


@given(st.sampled_from(EndpointKind), JSON)
def test_nothing_odd_is_kept_and_nothing_raises(kind, answer):
    assert why_not_kept(kind, answer)
    assert has_tool_calls(answer) is False or isinstance(answer, dict)
    usage_of(answer)


@pytest.mark.parametrize(
    ("answer", "has"),
    [
        (chat_answer(), False),
        (chat_answer(None, tool_calls=[tool_call()]), True),
        (chat_answer(None, tool_calls=[]), False),
        (chat_answer(None, function_call={"name": "f"}), True),
        (choices(GOOD, {**GOOD, "message": {"tool_calls": [tool_call()]}}), True),
        (response_answer(), False),
        (response_answer(output=[{"type": "function_call"}]), True),
        (response_answer(output=[{"type": "reasoning"}, {"type": "custom_tool_call"}]), True),
        (message_answer(), False),
        (message_answer(content=[{"type": "text"}, {"type": "tool_use"}]), True),
        (message_answer(content=[{"type": "server_tool_use"}]), True),
        (completion_answer(), False),
        (None, False),
    ],
)
def test_who_asks_its_client_to_act(answer, has):
    assert has_tool_calls(answer) is has


def test_usage():
    assert usage_of(chat_answer()) == Usage(10, 5)
    assert usage_of(message_answer()) == Usage(10, 5) == usage_of(response_answer())
    assert usage_of(chat_answer(usage=None)) is None is usage_of("x")
