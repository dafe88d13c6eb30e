from tailrace.testing import chat_chunk, data
from tailrace.wire import sse
from tailrace.wire.assemble import assembler
from tailrace.wire.sse import DONE, FrameSplitter
from tailrace_plugins.compress.hidden.stream.chat import ChatScreen

NAMES = frozenset({"expand"})


def call(index, id, name, arguments=""):
    return {"index": index, "id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


def fed(screen, *frames):
    return b"".join(given for frame in frames for given in screen.feed(sse.parse(frame)))


def chunks(raw):
    return [event.json for frame in FrameSplitter().feed(raw) if isinstance((event := sse.parse(frame)).json, dict)]


def answer(raw):
    gathered = assembler("chat")
    for chunk in chunks(raw):
        gathered.feed(chunk)
    return gathered.result()


ROLE = chat_chunk({"role": "assistant", "content": None})
USAGE = data({"id": "chatcmpl-1", "choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 1}})


def test_a_call_in_one_chunk_with_role_and_reason():
    screen = ChatScreen(NAMES)
    frame = chat_chunk(
        {"role": "assistant", "content": None, "tool_calls": [call(0, "a", "expand", "{}")]}, finish="tool_calls"
    )
    assert fed(screen, frame, USAGE, DONE) == b"" and screen.hides and screen.is_over
    screen.next_round()
    given = fed(screen, ROLE, chat_chunk("Yes."), chat_chunk(finish="stop"), USAGE, DONE)
    assert answer(given)["choices"][0]["message"]["content"] == "Yes." and given.endswith(DONE)


def test_closed_it_is_an_answer_of_its_own():
    screen = ChatScreen(NAMES)
    frame = chat_chunk(
        {"role": "assistant", "content": None, "tool_calls": [call(0, "a", "expand", "{}")]}, finish="tool_calls"
    )
    fed(screen, frame, USAGE, DONE)
    closed = b"".join(screen.close())
    (first, second) = chunks(closed)
    assert first["choices"] == [{"index": 0, "delta": {"role": "assistant", "content": None}, "finish_reason": "stop"}]
    assert closed.endswith(USAGE + DONE) and second["usage"]


def test_without_a_reason_or_an_end_mark_nothing_is_invented():
    screen = ChatScreen(NAMES)
    given = fed(screen, ROLE, chat_chunk({"tool_calls": [call(0, "a", "expand", "{}")]}))
    assert given == ROLE and screen.close() == [] and screen.hides
    given = fed(ChatScreen(NAMES), ROLE, chat_chunk({"tool_calls": [call(0, "a", "expand", "{}")]}), DONE)
    assert given == ROLE


def test_text_after_the_call_and_unknown_fields_survive():
    screen = ChatScreen(NAMES)
    odd = chat_chunk({"content": "b", "odd": [1], "tool_calls": [call(0, "a", "expand", "{}")]}, odder=2)
    given = fed(screen, ROLE, chat_chunk("a"), odd, chat_chunk("c"), chat_chunk(finish="tool_calls"), DONE)
    message = answer(given)["choices"][0]["message"]
    assert message == {"role": "assistant", "content": "abc", "odd": [1]} and b'"odder":2' in given
    assert chat_chunk("c") in given


def test_chunks_that_hold_nothing_else_are_left_out():
    screen = ChatScreen(NAMES)
    quiet = chat_chunk({"content": None, "tool_calls": [call(0, "a", "expand")]})
    assert fed(screen, quiet) == b""
    assert fed(screen, chat_chunk({"content": ""})) == chat_chunk({"content": ""}), (
        "the provider's own, in the first round"
    )


def test_a_client_call_between_is_numbered_anew_and_the_reason_stays():
    screen = ChatScreen(NAMES)
    frames = [ROLE, chat_chunk({"tool_calls": [call(0, "a", "expand", "{}")]}), chat_chunk({"tool_calls": [call(1, "b", "look")]}),
              chat_chunk({"tool_calls": [{"index": 1, "function": {"arguments": "{}"}}]}), chat_chunk(finish="tool_calls")]  # fmt: skip
    given = fed(screen, *frames, USAGE, DONE) + b"".join(screen.close())
    (choice,) = answer(given)["choices"]
    assert [one["id"] for one in choice["message"]["tool_calls"]] == ["b"] and choice["finish_reason"] == "tool_calls"
    assert [one["choices"][0]["delta"]["tool_calls"][0]["index"] for one in chunks(given)[1:3]] == [0, 0]
    assert given.endswith(frames[-1] + USAGE + DONE)


def test_a_call_without_arguments_whose_name_may_grow_is_given_at_the_end():
    screen = ChatScreen(NAMES)
    given = fed(screen, ROLE, chat_chunk({"tool_calls": [call(0, "a", "exp")]}), chat_chunk(finish="tool_calls"), DONE)
    assert given == ROLE and not screen.hides
    closed = b"".join(screen.close())
    (choice,) = answer(given + closed)["choices"]
    assert choice["message"]["tool_calls"][0]["function"]["name"] == "exp" and choice["finish_reason"] == "tool_calls"
    assert closed.endswith(DONE)


def test_a_text_goes_on_after_a_pause():
    for first, second, expected in (
        ("Look.", "Yes.", "Look.\n\nYes."),
        ("Look.\n", "Yes.", "Look.\nYes."),
        ("Look.", " Yes.", "Look. Yes."),
        ("", "Yes.", "Yes."),
    ):
        screen = ChatScreen(NAMES)
        hidden = chat_chunk({"tool_calls": [call(0, "a", "expand", "{}")]})
        given = fed(screen, ROLE, chat_chunk(first), hidden, chat_chunk(finish="tool_calls"), DONE)
        screen.next_round()
        given += fed(screen, ROLE, hidden, chat_chunk(finish="tool_calls"), DONE)
        screen.next_round()
        given += fed(screen, ROLE, chat_chunk({"content": ""}), chat_chunk(second), chat_chunk("!"), DONE)
        assert answer(given)["choices"][0]["message"]["content"] == expected + "!"


def test_azures_first_chunk_and_comments_pass():
    azure = data({"id": "", "model": "", "choices": [], "prompt_filter_results": [{"index": 0}]})
    screen = ChatScreen(NAMES)
    assert fed(screen, azure, b": ping\n\n", ROLE) == azure + b": ping\n\n" + ROLE
    fed(screen, chat_chunk({"tool_calls": [call(0, "a", "expand", "{}")]}), chat_chunk(finish="tool_calls"))
    assert fed(screen, b": ping\n\n") == b": ping\n\n" and fed(screen, USAGE, DONE) == b""
    screen.next_round()
    given = fed(screen, azure, b": ping\n\n", ROLE, chat_chunk("Yes."))
    assert b"prompt_filter_results" in given and {one["id"] for one in chunks(given)} == {"chatcmpl-1"}


def test_refusals_and_reasoning_of_a_later_round_survive():
    screen = ChatScreen(NAMES)
    fed(screen, ROLE, chat_chunk({"tool_calls": [call(0, "a", "expand", "{}")]}), DONE)
    screen.next_round()
    given = fed(
        screen, chat_chunk({"role": "assistant", "refusal": "No."}), chat_chunk({"reasoning_content": "hm"}), DONE
    )
    assert answer(given)["choices"][0]["message"] == {
        "role": "assistant",
        "content": None,
        "refusal": "No.",
        "reasoning_content": "hm",
    }


def test_garbage_passes():
    screen = ChatScreen(NAMES)
    frames = [b'data: "tool_calls"\n\n', b'data: {"tool_calls" oops\n\n', b'data: {"choices":[3],"x":"tool_calls"}\n\n',
              b'data: {"choices":[{"delta":3,"x":"tool_calls"}]}\n\n', b'data: {"choices":"tool_calls"}\n\n',
              b'data: {"choices":[{"delta":{"tool_calls":null}}]}\n\n', b'data: {"choices":[{"delta":{"tool_calls":[]}}]}\n\n']  # fmt: skip
    assert fed(screen, *frames) == b"".join(frames) and not screen.hides
