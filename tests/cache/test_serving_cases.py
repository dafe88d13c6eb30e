"""Recorded streams of providers, kept and served again."""

import zlib
from pathlib import Path

import pytest
from cache_kit import ENDPOINTS, NOW, entry

from tailrace.cache.answered import usage_of, why_not_kept
from tailrace.cache.serving import assembled, reply_from
from tailrace.testing import exchange
from tailrace.wire import jsonio, sse

CASES = sorted((Path(__file__).parents[1] / "wire" / "cases").glob("*.sse"))
EXPECTED = {case: jsonio.loads(case.with_suffix(".json").read_bytes()) for case in CASES}
COMPLETE = [case for case in CASES if "answer" in EXPECTED[case] and EXPECTED[case]["terminal"]]
MARK = {"cache": "exact", "billed": False}


def kept(case):
    """Shape, body, frames, and why it would not be kept."""
    shape = EXPECTED[case]["shape"]
    body = assembled(shape, case.read_bytes())
    return shape, body, why_not_kept(ENDPOINTS[shape].kind, body)


async def served(case, *, stream):
    shape, body, _ = kept(case)
    raw = case.read_bytes()
    one = entry(kind=shape, body=body, frames=zlib.compress(raw), usage=usage_of(body) is not None)
    options = {"stream": stream, "stream_options": {"include_usage": True}}
    reply = reply_from(one, exchange({"model": "m", **options}, endpoint=ENDPOINTS[shape]), "exact", NOW)
    return reply if reply.stream is None else b"".join([piece async for piece in reply.stream.open()])


def bare(value):
    """Without ids and times, and the mark in usage, at any depth."""
    if isinstance(value, list):
        return [bare(member) for member in value]
    if isinstance(value, dict):
        gone = ("id", "response_id", "created", "created_at", "completed_at", "tailrace")
        return {name: bare(member) for name, member in value.items() if name not in gone}
    return value


def events_of(raw):
    splitter = sse.FrameSplitter()
    events = [sse.parse(frame) for frame in [*splitter.feed(raw), splitter.rest] if frame]
    return [event for event in events if not event.is_comment]


def test_some_are_kept():
    good = [case.stem for case in CASES if "answer" in EXPECTED[case] and not kept(case)[2]]
    assert {"chat_tools_parallel", "responses_complete", "messages_thinking_tool"} <= set(good)
    assert not {"responses_incomplete", "chat_refusal_logprobs", "chat_cut", "chat_error_in_band"} & set(good)


@pytest.mark.parametrize("case", COMPLETE, ids=lambda case: case.stem)
async def test_streamed_again(case):
    shape = EXPECTED[case]["shape"]
    raw = case.read_bytes()
    before = events_of(raw)
    # Nothing follows the first [DONE], also where a provider sent more.
    done = next((at for at, event in enumerate(before) if event.is_done), len(before))
    before = before[: done + 1]
    again = await served(case, stream=True)
    after = events_of(again)
    assert [event.event for event in after] == [event.event for event in before]
    for old, new in zip(before, after, strict=True):
        assert bare(new.json) == bare(old.json) if old.json is not None else new.data == old.data
    answer = assembled(shape, again)
    assert bare(answer) == bare(assembled(shape, raw))
    if isinstance(answer.get("usage"), dict):
        assert answer["usage"]["tailrace"] == MARK


@pytest.mark.parametrize("case", COMPLETE, ids=lambda case: case.stem)
async def test_told_as_a_whole(case):
    reply = await served(case, stream=False)
    assert bare(reply.json()) == bare(assembled(EXPECTED[case]["shape"], case.read_bytes()))
    assert reply.json().get("id") != EXPECTED[case]["answer"].get("id") or "id" not in EXPECTED[case]["answer"]
