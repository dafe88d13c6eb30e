import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace.wire import sse
from tailrace.wire.usage import Usage
from tailrace.wire.watch import StreamWatch


def chunk(delta, finish=None, index=0, spaced=False, **top):
    body = {
        "id": "c1",
        "object": "chat.completion.chunk",
        "model": "m",
        "choices": [{"index": index, "delta": delta, "logprobs": None, "finish_reason": finish}],
        **top,
    }
    return sse.encode(json.dumps(body, separators=None if spaced else (",", ":")))


def facts(watch):
    return {
        name: getattr(watch, name)
        for name in ("events", "response_id", "model", "finish_reasons", "usage", "error", "done", "terminal")
    }


def watched(shape, frames, **options):
    watch = StreamWatch(shape, **options)
    for frame in frames:
        watch.feed(frame)
    return watch


def fully_parsed(shape, frames):
    """The reference: every frame parsed, nothing skimmed."""
    watch = StreamWatch(shape)
    for frame in frames:
        watch._hear(sse.parse(frame))
    return watch


HOSTILE = [
    '"finish_reason":"stop"',
    '"usage":{"prompt_tokens":5}',
    '"error":{"message":"x"}',
    '"index":3',
    "\\",
    '\\"',
    '"}',
    "data: [DONE]",
    "\n\n",
    '"content":"',
    "😀",
]
texts = st.lists(st.sampled_from([*HOSTILE, "a", " b", ""]), max_size=4).map("".join)
deltas = st.one_of(
    texts.map(lambda text: {"content": text}),
    texts.map(lambda text: {"content": None, "reasoning_content": text}),
    texts.map(lambda text: {"tool_calls": [{"index": 1, "function": {"arguments": text}}]}),
    st.just({}),
)
tops = st.fixed_dictionaries(
    {},
    optional={
        "usage": st.sampled_from([None, {"prompt_tokens": 3, "completion_tokens": 2}, {}]),
        "obfuscation": st.sampled_from(["aB", "xyz9", ""]),
        "error": st.sampled_from([None, {"message": "bad"}]),
        "x_groq": st.just({"usage": {"prompt_tokens": 7, "completion_tokens": 9}}),
    },
)
chat_frames = st.lists(
    st.one_of(
        st.builds(
            lambda delta, finish, index, spaced, top: chunk(delta, finish, index, spaced, **top),
            deltas,
            st.sampled_from([None, None, None, "stop", "length"]),
            st.sampled_from([0, 0, 0, 1]),
            st.booleans(),
            tops,
        ),
        st.sampled_from([b": ping\n\n", sse.DONE, b"data: {broken\n\n", b"\n\n", b'data: {"choices":[]}\n\n']),
    ),
    max_size=20,
)


@given(chat_frames)
def test_skimming_a_chat_stream_loses_nothing(frames):
    assert facts(watched("chat", frames)) == facts(fully_parsed("chat", frames))


typed_events = st.one_of(
    texts.map(lambda text: {"type": "response.output_text.delta", "delta": text}),
    texts.map(lambda text: {"type": "content_block_delta", "delta": {"type": "text_delta", "text": text}}),
    st.builds(
        lambda kind, text: {
            "type": kind,
            "response": {"id": "r1", "model": "m", "status": "completed", "output": [text]},
        },
        st.sampled_from(["response.created", "response.in_progress", "response.completed", "response.incomplete"]),
        texts,
    ),
    st.just({"type": "error", "message": "bad"}),
    st.just({"type": "response.failed", "response": {"id": "r1", "status": "failed", "error": {"message": "bad"}}}),
    st.just({"type": "ping"}),
    st.just(
        {
            "type": "message_start",
            "message": {"id": "m1", "model": "c", "usage": {"input_tokens": 4, "output_tokens": 1}},
        }
    ),
    st.just({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 9}}),
    st.just({"type": "message_stop"}),
)


@given(
    st.sampled_from(["responses", "messages"]),
    st.lists(st.tuples(typed_events, st.booleans(), st.sampled_from([b"\n", b"\r\n", b"\r"])), max_size=12),
)
def test_skimming_a_typed_stream_loses_nothing(shape, events):
    frames = [
        sse.encode(json.dumps(event, separators=(",", ":")), event["type"] if named else None).replace(b"\n", end)
        for event, named, end in events
    ]
    assert facts(watched(shape, frames)) == facts(fully_parsed(shape, frames))


@given(st.sampled_from(["chat", "completions", "responses", "messages"]), st.lists(st.binary(max_size=40), max_size=6))
def test_junk_never_raises(shape, frames):
    assert watched(shape, frames).finish_reasons == []


def test_most_frames_are_not_parsed(monkeypatch):
    parsed = []
    real = sse.parse
    monkeypatch.setattr(sse, "parse", lambda frame: parsed.append(frame) or real(frame))
    frames = [chunk({"role": "assistant", "content": ""}, usage=None)]
    frames += [chunk({"content": f"word{number} "}, usage=None) for number in range(200)]
    frames += [chunk({}, "stop", usage=None), sse.DONE]
    watch = watched("chat", frames)
    assert watch.finish_reasons == ["stop"]
    assert watch.events == 203
    assert len(parsed) < 6
    parsed.clear()
    frames = [
        sse.encode(json.dumps({"type": "response.output_text.delta", "delta": "x"}), "response.output_text.delta")
        for _ in range(50)
    ]
    assert watched("responses", frames).output_chars == 50
    assert len(parsed) == 1


def test_choices_asked_for_must_all_finish():
    frames = [chunk({"content": "a"}), chunk({}, "stop")]
    assert watched("chat", frames).terminal
    assert not watched("chat", frames, choices=2).terminal
    assert watched("chat", [*frames, chunk({}, "length", 1)], choices=2).terminal


def test_an_unstarted_stream_is_not_terminal():
    for shape in ("chat", "completions", "responses", "messages"):
        assert not StreamWatch(shape).terminal
        assert not watched(shape, [b": ping\n\n"]).terminal


def test_the_first_error_is_kept():
    frames = [b'data: {"error":{"message":"first"}}\n\n', b'data: {"error":{"message":"second"}}\n\n']
    assert watched("chat", frames).error == {"message": "first"}


def test_usage_of_groq_and_moonshot():
    told = {"prompt_tokens": 5, "completion_tokens": 6}
    assert watched("chat", [chunk({}, "stop", x_groq={"usage": told})]).usage == Usage(5, 6)
    inside = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop", "usage": told}]}
    assert watched("chat", [sse.encode(json.dumps(inside))]).usage == Usage(5, 6)


def test_facts_that_come_back_count_again():
    one, two = {"prompt_tokens": 5, "completion_tokens": 6}, {"prompt_tokens": 7, "completion_tokens": 8}
    frames = [chunk({"content": "a"}, usage=told) for told in (one, two, one)]
    assert watched("chat", frames).usage == Usage(5, 6)
    frames = [chunk({"content": "a"}, x_groq={"usage": told}) for told in (one, two, one)]
    assert watched("chat", frames).usage == Usage(5, 6)
    frames = [chunk({"content": "a"}, reason) for reason in ("stop", "length", "stop")]
    assert watched("chat", frames).finish_reasons == ["stop"]


def test_an_id_that_comes_late_is_heard():
    frames = [chunk({"content": "a"}).replace(b'"id":"c1"', b'"id":""') for _ in range(9)]
    assert watched("chat", frames).response_id is None
    assert watched("chat", [*frames, chunk({"content": "b"})]).response_id == "c1"


def test_what_a_tool_found_is_not_generated_text():
    block = {"type": "web_search_tool_result", "content": [{"type": "text", "text": "a long page"}]}
    events = [{"type": "ping"}, {"type": "content_block_start", "content_block": block}]
    frames = [sse.encode(json.dumps(event), event["type"]) for event in events]
    assert watched("messages", frames).output_chars == 0


@pytest.mark.parametrize(
    ("words", "estimate"),
    [(["a"] * 10, 10), (["four" * 10] * 3, 30), ([""], 0), ([], 0), (["é" * 4] * 2, 4)],
)
def test_estimated_output_tokens(words, estimate):
    frames = [chunk({"role": "assistant", "content": ""})] + [chunk({"content": word}) for word in words]
    assert (
        watched("chat", [frame.replace(b"\\u00e9", "é".encode()) for frame in frames]).estimated_output_tokens
        == estimate
    )


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize(
    ("shape", "events"),
    [
        (
            "responses",
            [{"type": "response.created", "response": {}}, {"type": "response.output_text.delta", "delta": "12345"}],
        ),
        (
            "messages",
            [{"type": "ping"}, {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "12345"}}],
        ),
        ("messages", [{"type": "ping"}, {"type": "content_block_delta", "delta": {"partial_json": "12345"}}]),
        ("chat", [{"choices": [{"delta": {"content": "12345"}}]}]),
        ("completions", [{"choices": [{"text": "12345"}]}]),
    ],
)
def test_text_is_measured_in_every_shape_and_line_end(shape, events, end):
    frames = [sse.encode(json.dumps(event), event.get("type")).replace(b"\n", end) for event in events]
    assert watched(shape, frames).output_chars == 5
    assert watched(shape, frames).estimated_output_tokens == 2
