from tailrace.testing import data
from tailrace.wire import sse
from tailrace.wire.assemble import assembler
from tailrace.wire.sse import FrameSplitter
from tailrace_plugins.compress.hidden.stream.messages import MessagesScreen

NAMES = frozenset({"expand"})


def e(kind, **more):
    return data({"type": kind, **more}, kind)


def start(number, spent=5):
    usage = {"input_tokens": spent, "cache_read_input_tokens": number, "output_tokens": 1}
    return e(
        "message_start",
        message={"id": f"msg_{number}", "type": "message", "role": "assistant", "content": [], "usage": usage},
    )


def block(index, kind="text", **more):
    inner = {"type": kind, "text": ""} if kind == "text" else {"type": kind, **more}
    delta = (
        {"type": "text_delta", "text": f"t{index}"}
        if kind == "text"
        else {"type": "input_json_delta", "partial_json": "{}"}
    )
    return [e("content_block_start", index=index, content_block=inner),
            e("content_block_delta", index=index, delta=delta), e("content_block_stop", index=index)]  # fmt: skip


def use(index, name):
    return block(index, "tool_use", id=f"toolu_{index}", name=name, input={})


def end(reason="tool_use", **usage):
    return [
        e("message_delta", delta={"stop_reason": reason, "stop_sequence": None}, usage={"output_tokens": 9, **usage}),
        e("message_stop"),
    ]


PING = e("ping")


def fed(screen, *frames):
    return b"".join(given for frame in frames for given in screen.feed(sse.parse(frame)))


def answer(raw):
    gathered = assembler("messages")
    for frame in FrameSplitter().feed(raw):
        gathered.feed(sse.parse(frame).json)
    return gathered.result()


def test_blocks_are_numbered_without_gaps_through_the_rounds():
    screen = MessagesScreen(NAMES)
    given = fed(screen, start(1), PING, *block(0), *use(1, "expand"), PING, *block(2), *use(3, "expand"), *end(), PING)
    assert given == b"".join([start(1), PING, *block(0), PING]) + given[-len(b"".join(block(1))) - len(PING) :]
    assert screen.hides and screen.is_over and given.count(PING) == 3
    screen.next_round()
    given += fed(screen, start(2), *block(0), *use(1, "look"), *end())
    told = answer(given)
    assert [one.get("text") or one["name"] for one in told["content"]] == ["t0", "t2", "t0", "look"]
    assert told["stop_reason"] == "tool_use" and told["id"] == "msg_1" and given.endswith(end()[1])


def test_the_usage_is_the_last_rounds():
    screen = MessagesScreen(NAMES)
    given = fed(screen, start(1), *use(0, "expand"), *end())
    screen.next_round()
    given += fed(screen, start(2, spent=70), *block(0), *end("end_turn", cache_read_input_tokens=None))
    assert answer(given)["usage"] == {"input_tokens": 70, "cache_read_input_tokens": 2, "output_tokens": 9}


def test_without_another_round_the_reason_is_told():
    for parts, reason, expected in (
        ([*use(0, "expand")], "tool_use", "end_turn"),
        ([*use(0, "expand")], "max_tokens", "max_tokens"),
        ([*use(0, "expand"), *use(1, "look")], "tool_use", "tool_use"),
        ([*use(0, "look"), *use(1, "expand")], "tool_use", "tool_use"),
    ):
        screen = MessagesScreen(NAMES)
        given = fed(screen, start(1), *parts, *end(reason))
        assert b"message_stop" not in given
        told = answer(given + b"".join(screen.close()))
        assert told["stop_reason"] == expected and "expand" not in str(told)


def test_only_a_block_that_calls_the_tool_is_hidden():
    screen = MessagesScreen(NAMES)
    frames = [start(1), *use(0, "expand_all"), *block(1, "server_tool_use", id="s", name="expand", input={}),
              e("content_block_delta", index=1, delta={"type": "text_delta", "text": 'say "expand"'}),
              e("content_block_start", index="x", content_block={"type": "tool_use", "name": "expand"}), *end()]  # fmt: skip
    assert fed(screen, *frames) == b"".join(frames) and not screen.hides
