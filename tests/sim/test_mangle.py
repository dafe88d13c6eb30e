import zlib

import orjson
import pytest

from tailrace.sim.chat import Head, chunks
from tailrace.sim.faults import chosen
from tailrace.sim.messages import events
from tailrace.sim.plan import Choice, Usage
from tailrace.sim.script import End, Framing, Script, Shape, json_script, sse_script

CHOICE = Choice(("one", " two", " three", " four", " five"))
USAGE = Usage(3, 0, 5)


def stream():
    return sse_script(chunks(Head("id", "m", 1), [CHOICE], USAGE))


def body(script):
    return b"".join(step.data for step in script.steps)


def spoilt(model, script=None):
    return chosen(model).spoil(script or stream())


RIGHT = body(stream())


def test_cuts_leave_the_first_events():
    made = spoilt("fault-cut-midstream-2")
    assert (made.framing, made.end) == (Framing.CHUNKED, End.CLOSE)
    assert body(made) == b"".join(event + b"\n\n" for event in RIGHT.split(b"\n\n")[:2])


def test_a_cut_inside_an_event():
    made = body(spoilt("fault-cut-midframe-2"))
    assert RIGHT.startswith(made)
    assert not made.endswith(b"\n")


def test_a_cut_that_looks_like_an_end():
    made = spoilt("fault-cut-close-delimited")
    assert made.framing is Framing.UNTIL_CLOSE
    assert b'finish_reason":"stop"' not in body(made)


def test_a_body_in_one_piece_is_cut_in_half_and_its_length_is_kept():
    whole = json_script({"a": "b" * 100})
    made = spoilt("fault-cut-midstream", whole)
    assert made.length == len(body(whole))
    assert len(body(made)) == made.length // 2


@pytest.mark.parametrize(
    ("model", "present", "absent"),
    [
        ("fault-clean-end-no-finish", b" five", (b'"stop"', b"total_tokens", b"[DONE]")),
        ("fault-no-done", b'"stop"', (b"[DONE]",)),
        ("fault-error-in-stream", b'"error":', (b" five", b"[DONE]")),
        ("fault-error-first-event", b'"error":', (b"one", b"[DONE]")),
    ],
)
def test_what_is_left_out(model, present, absent):
    made = spoilt(model)
    data = body(made)
    assert made.end is End.CLEAN
    assert present in data
    assert not [one for one in absent if one in data]


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("fault-double-done", RIGHT + b"data: [DONE]\n\n"),
        ("fault-bytes-after-done", RIGHT + b'data: {"after":"done"}\n\njunk after done'),
        ("fault-crlf", RIGHT.replace(b"\n", b"\r\n")),
        ("fault-cr", RIGHT.replace(b"\n", b"\r")),
        ("fault-bom", b"\xef\xbb\xbf" + RIGHT),
        ("fault-comment-first-2", b": OPENROUTER PROCESSING\n\n" * 2 + RIGHT),
        ("fault-split-bytes", RIGHT),
        ("fault-slow-body-0", RIGHT),
        ("fault-header-junk", RIGHT),
        ("fault-close-after-each", RIGHT),
        ("fault-hang-after-headers", b""),
    ],
)
def test_the_bytes_on_the_wire(model, expected):
    assert body(spoilt(model)) == expected


def test_every_byte_is_a_step_of_its_own():
    assert {len(step.data) for step in spoilt("fault-split-bytes").steps} == {1}


def test_delays():
    assert [step.wait_ms for step in spoilt("fault-slow-first-token-70").steps][:2] == [70, 0]
    assert sum(step.wait_ms for step in spoilt("fault-slow-tokens-10").steps) == 50


def test_gzip_is_valid_and_the_cut_one_twelve_bytes_shorter():
    whole, cut = body(spoilt("fault-gzip")), body(spoilt("fault-gzip-cut"))
    assert zlib.decompress(whole, 31) == RIGHT
    assert cut == whole[:-12]


def test_one_event_of_many_megabytes():
    data = body(spoilt("fault-huge-event-2"))
    largest = max(data.split(b"\n\n"), key=len)
    assert len(orjson.loads(largest.removeprefix(b"data: "))["choices"][0]["delta"]["content"]) == 2_000_000
    assert data.endswith(b"data: [DONE]\n\n")


def test_many_events():
    assert body(spoilt("fault-many-events-500")).count(b'"one"') == 500


def test_not_streamed_answers_stay_json():
    whole = json_script({"a": 1})
    for model in ("fault-comment-first", "fault-huge-event-1", "fault-no-done", "fault-crlf", "fault-split-bytes"):
        assert orjson.loads(body(spoilt(model, whole))) == {"a": 1}


def test_anthropic_events_are_spoilt_alike():
    def messages():
        script = sse_script(events(Head("id", "m", 1), CHOICE, USAGE))
        return Script(script.status, script.headers, script.steps, script.framing, shape=Shape.ANTHROPIC, stream=True)

    assert b"message_stop" not in body(spoilt("fault-no-done", messages()))
    assert b'event: error\ndata: {"type":"error"' in body(spoilt("fault-error-in-stream", messages()))
    assert b"x" * 1_000_000 in body(spoilt("fault-huge-event-1", messages()))
