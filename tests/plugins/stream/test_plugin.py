import pytest

from tailrace.errors import StreamCut, UpstreamTimeout
from tailrace.plugin import Plugin
from tailrace.testing import (
    chat_chunk,
    chat_text,
    data,
    events,
    exchange,
    failing,
    hanging,
    plugin,
    run,
    virtual_time,
    whole,
)
from tailrace.wire.endpoints import CHAT, COMPLETIONS, EMBEDDINGS, MESSAGES, RESPONSES
from tailrace.wire.usage import Usage
from tailrace_plugins.stream.plugin import StreamPlugin

ASKED = {"model": "m", "stream": True}
TEXT = chat_text("Hel", "lo ", "wor", "ld")
PING = b": ping\n\n"


def stream(**settings):
    return plugin(StreamPlugin, settings)


@virtual_time
async def test_coalesce():
    result = await run(stream(coalesce_ms=50), exchange(ASKED), events(*TEXT))
    assert (result.header, result.facts) == ("stream=coalesce", {"joined_chunks": 2})
    assert result.pieces == [TEXT[0], TEXT[1], chat_chunk("lo world"), TEXT[-2], TEXT[-1]]


@virtual_time
async def test_a_count_alone_does_not_hold_text_for_ever():
    result = await run(stream(coalesce_chunks=5), exchange(ASKED), events(*TEXT[:3], 30.0, *TEXT[3:]))
    assert result.times == pytest.approx([0, 0, 0.1, 30, 30, 30, 30])
    assert result.text == "Hello world"


@virtual_time
async def test_held_text_comes_before_the_error_that_ends_the_stream():
    result = await run(stream(coalesce_ms=50), exchange(ASKED), events(*TEXT[:4], StreamCut("cut")))
    assert isinstance(result.broke, StreamCut)
    assert result.pieces[2] == chat_chunk("lo wor")
    assert result.events[-1].json["error"]["message"] == "cut"


@virtual_time
async def test_tool_calls_are_never_joined():
    call = [chat_chunk({"tool_calls": [{"index": 0, "function": {"arguments": part}}]}) for part in "{}"]
    frames = [*TEXT[:3], *call, TEXT[3], chat_chunk(finish="tool_calls"), TEXT[-1]]
    result = await run(stream(coalesce_ms=50, text_only=True), exchange(ASKED), events(*frames))
    assert result.pieces[2:4] == call
    assert result.answer["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"] == "{}"


@virtual_time
async def test_text_only():
    frames = [chat_chunk({"role": "assistant", "content": ""}, obfuscation="x"), *TEXT[1:]]
    result = await run(stream(text_only=True), exchange(ASKED), events(*frames))
    assert (result.header, result.text) == ("stream=text-only", "Hello world")
    assert result.answer["choices"][0]["message"]["role"] == "assistant"
    assert result.facts["saved_bytes"] == sum(map(len, frames)) - len(result.body) > 0


@virtual_time
async def test_pings_before_the_answer():
    result = await run(stream(keep_alive_s=5, deadline_s=0.1), exchange(ASKED), events(*TEXT, after_s=12))
    assert (result.header, result.facts) == ("stream=keep-alive", {"late": True, "pings": 2})
    assert list(zip(result.times, result.pieces, strict=True))[:3] == [(5, PING), (10, PING), (12, TEXT[0])]
    assert result.body.removeprefix(PING + PING) == b"".join(TEXT)
    assert result.reply.headers["content-type"].startswith("text/event-stream")
    assert len(result.upstream.got) == 1
    assert result.upstream.all_closed


@virtual_time
async def test_the_usage_of_a_late_answer_is_heard_when_it_comes_with_the_end():
    usage = data({"id": "c", "choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2}})
    answer = events(TEXT[0], b"".join([*TEXT[1:-1], usage, TEXT[-1]]), after_s=12)
    result = await run(stream(keep_alive_s=5), exchange(ASKED), answer)
    assert result.facts["late"] and result.outcome.usage == Usage(3, 2)
    assert result.upstream.all_closed


@virtual_time
async def test_pings_within_the_answer():
    result = await run(stream(keep_alive_s=5), exchange(ASKED), events(TEXT[0], 11.0, *TEXT[1:], after_s=4))
    assert result.pieces[:4] == [TEXT[0], PING, PING, TEXT[1]]
    assert "late" not in result.facts


@virtual_time
async def test_an_error_before_the_first_ping_keeps_its_status():
    result = await run(stream(keep_alive_s=5), exchange(ASKED), failing(UpstreamTimeout("slow"), after_s=4))
    assert (result.status, result.reply) == (504, None)


@pytest.mark.parametrize(
    ("endpoint", "name", "path"),
    [
        (CHAT, None, ("error", "message")),
        (COMPLETIONS, None, ("error", "message")),
        (RESPONSES, "error", ("message",)),
        (MESSAGES, "error", ("error", "message")),
    ],
)
def test_an_error_after_the_first_ping_comes_in_band(endpoint, name, path):
    @virtual_time
    async def ask():
        answer = failing(UpstreamTimeout("slow"), after_s=7)
        return await run(stream(keep_alive_s=5), exchange(ASKED, endpoint=endpoint), answer)

    result = ask()
    assert (result.status, result.pieces[0], len(result.events)) == (200, PING, 1)
    told = result.events[0]
    assert told.event == name
    value = told.json
    for key in path:
        value = value[key]
    assert value == "slow"
    assert result.outcome.state == "failed"


@pytest.mark.parametrize("after_s", [2, 12])
def test_a_client_that_leaves_while_nothing_comes(after_s):
    @virtual_time
    async def ask():
        return await run(stream(keep_alive_s=5), exchange(ASKED), hanging(), leaves_after_s=after_s)

    result = ask()
    assert result.upstream.cancelled == 1
    assert len(result.pieces) == after_s // 5


@virtual_time
async def test_a_client_that_leaves_late_or_in_the_middle():
    made = stream(keep_alive_s=5, coalesce_ms=50)
    for leaving in ({"leaves_after_pieces": 3}, {"leaves_after_s": 20}):
        result = await run(made, exchange(ASKED), events(TEXT[0], 60.0, *TEXT[1:], after_s=6), **leaving)
        assert result.left
        assert result.upstream.all_closed
        assert len(made.services.tasks) == 0


@virtual_time
async def test_replays_are_paced():
    result = await run(stream(replay_chars_per_s=2, coalesce_ms=50), exchange(ASKED), events(*TEXT, origin="cache"))
    assert result.header == "stream=paced"
    assert result.pieces == TEXT
    assert result.times == pytest.approx([0, 0, 1, 2, 3, 4, 4])
    fresh = await run(stream(replay_chars_per_s=2, coalesce_ms=50), exchange(ASKED), events(*TEXT))
    assert fresh.header == "stream=coalesce"
    assert set(fresh.times) == {0}


@virtual_time
async def test_a_late_replay_is_paced_too():
    made = stream(replay_events_per_s=2, keep_alive_s=5)
    result = await run(made, exchange(ASKED), events(*TEXT, origin="cache", after_s=7))
    assert result.times == pytest.approx([5, 7, 7.5, 8, 8.5, 9, 9.5, 10])
    fresh = await run(made, exchange(ASKED), events(*TEXT, after_s=7))
    assert fresh.times[1:] == pytest.approx([7] * 7)


@pytest.mark.parametrize(
    ("settings", "payload", "endpoint", "answer", "reason"),
    [
        ({}, ASKED, CHAT, events(*TEXT), "not-configured"),
        ({"coalesce_ms": 5, "keep_alive_s": 5}, {"model": "m"}, CHAT, whole({}), "no-stream"),
        ({"coalesce_ms": 5}, ASKED, CHAT, whole({}), "no-stream"),
        ({"keep_alive_s": 5}, ASKED, CHAT, whole({}, status=400, after_s=4), "no-stream"),
        ({"text_only": True}, {**ASKED, "tools": [{}]}, CHAT, events(*TEXT), "tools"),
        ({"text_only": True}, ASKED, MESSAGES, events(data({"type": "message_stop"})), "endpoint"),
        ({"replay_chars_per_s": 5}, ASKED, CHAT, events(*TEXT), "no-replay"),
    ],
)
def test_why_it_stands_aside(settings, payload, endpoint, answer, reason):
    @virtual_time
    async def ask():
        return await run(stream(**settings), exchange(payload, endpoint=endpoint), answer)

    result = ask()
    assert result.header == f"stream=stood-aside({reason})"
    if result.reply.is_events:
        assert not result.reply.stream.stages, "a stream nobody alters goes on as raw bytes"


@virtual_time
async def test_embeddings_are_not_its_business():
    result = await run(stream(coalesce_ms=5), exchange({"model": "m"}, endpoint=EMBEDDINGS), whole({}))
    assert result.header == ""


class Loud(Plugin):
    name = "loud"

    async def handle(self, exchange, call_next):
        async def shout(events):
            async for event in events:
                yield event.raw.replace(b"Hel", b"HEL")

        return (await call_next(exchange)).through(shout)


@pytest.mark.parametrize("order", [[stream(keep_alive_s=5), plugin(Loud)], [plugin(Loud), stream(keep_alive_s=5)]])
@pytest.mark.parametrize("after_s", [0, 7])
def test_other_plugins_wraps_hold_on_either_side(order, after_s):
    @virtual_time
    async def ask():
        made = [plugin(type(one), one.settings.model_dump()) for one in order]
        return await run(made, exchange(ASKED), events(*TEXT, after_s=after_s))

    assert ask().text == "HELlo world"


RESPONSE = [
    data({"type": "response.created", "sequence_number": 0, "response": {"id": "r"}}, "response.created"),
    *(
        data(
            {
                "type": "response.output_text.delta",
                "sequence_number": number,
                "item_id": "i",
                "output_index": 0,
                "content_index": 0,
                "delta": text,
                "logprobs": [],
                "obfuscation": "x" * number,
            },
            "response.output_text.delta",
        )
        for number, text in enumerate(("Hel", "lo ", "world"), 1)
    ),
    data({"type": "response.completed", "sequence_number": 4, "response": {"id": "r"}}, "response.completed"),
]


@virtual_time
async def test_responses():
    made = stream(coalesce_ms=50, text_only=True)
    result = await run(made, exchange(ASKED, endpoint=RESPONSES), events(*RESPONSE))
    numbers = [event.json["sequence_number"] for event in result.events]
    assert numbers == [0, 1, 3, 4]
    assert [event.json.get("delta") for event in result.events] == [None, "Hel", "lo world", None]
    assert b"obfuscation" not in result.body
    assert result.events[2].event == "response.output_text.delta"


def block(text):
    told = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}
    return data(told, "content_block_delta")


@virtual_time
async def test_messages():
    frames = [
        data({"type": "message_start", "message": {"id": "m"}}, "message_start"),
        *map(block, ("Hel", "lo ", "world")),
        data({"type": "message_stop"}, "message_stop"),
    ]
    result = await run(stream(coalesce_ms=50), exchange(ASKED, endpoint=MESSAGES), events(*frames))
    assert result.pieces == [*frames[:2], block("lo world"), frames[-1]]
