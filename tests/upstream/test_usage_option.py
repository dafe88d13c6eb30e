"""Asking for usage on the client's behalf, and hiding the answer."""

import pytest

from tailrace.testing import data, exchange
from tailrace.upstream.usage_option import asks_for_usage, with_usage, without_usage_chunk
from tailrace.wire import sse
from tailrace.wire.endpoints import CHAT, COMPLETIONS, EMBEDDINGS, MESSAGES, RESPONSES


@pytest.mark.parametrize(
    ("endpoint", "payload", "expected"),
    [
        (CHAT, {"stream": True}, False),
        (COMPLETIONS, {"stream": True}, False),
        (CHAT, {"stream": True, "stream_options": {"include_usage": True}}, True),
        (CHAT, {"stream": True, "stream_options": {"include_usage": False}}, False),
        (CHAT, {"stream": True, "stream_options": {"include_usage": "yes"}}, False),
        (CHAT, {"stream": True, "stream_options": None}, False),
        (CHAT, {"stream": True, "stream_options": [1]}, False),
        (CHAT, {}, True),
        (CHAT, {"stream": False}, True),
        (RESPONSES, {"stream": True}, True),
        (MESSAGES, {"stream": True}, True),
        (EMBEDDINGS, {"stream": True}, True),
    ],
)
def test_asks_for_usage(endpoint, payload, expected):
    assert asks_for_usage(exchange({"model": "m", **payload}, endpoint=endpoint)) is expected


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (None, {"include_usage": True}),
        ({"include_usage": False, "x": 1}, {"include_usage": True, "x": 1}),
        ("odd", {"include_usage": True}),
    ],
)
def test_with_usage(options, expected):
    payload = {"stream_options": options}
    assert with_usage(payload) == {"stream_options": expected}
    assert payload == {"stream_options": options}, "the client's payload was changed in place"
    assert with_usage({}) == {"stream_options": {"include_usage": True}}


USAGE = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}


@pytest.mark.parametrize(
    ("chunk", "hidden"),
    [
        ({"choices": [], "usage": USAGE}, True),
        ({"usage": USAGE}, True),
        ({"choices": None, "usage": USAGE}, True),
        ({"choices": [], "usage": None}, False),
        # Azure's first chunk.
        ({"choices": [], "prompt_filter_results": []}, False),
        ({"choices": [{"delta": {"content": '"usage"'}}]}, False),
    ],
)
async def test_without_usage_chunk(chunk, hidden):
    frames = [data(chunk), b"data: [DONE]\n\n", b': "usage"\n\n', b'data: "usage" {\n\n']

    async def source():
        for frame in frames:
            yield sse.parse(frame)

    passed = [event.raw async for event in without_usage_chunk(source())]
    assert passed == (frames[1:] if hidden else frames)


async def test_a_report_beside_an_answer_is_taken_out_of_it():
    """vLLM reports with every chunk."""

    async def source():
        yield sse.parse(data({"choices": [{"delta": {"content": "x"}}], "usage": USAGE}))

    assert [event.json async for event in without_usage_chunk(source())] == [{"choices": [{"delta": {"content": "x"}}]}]
