"""Golden streams: `cases/NAME.sse` is what a provider sent, `cases/NAME.json` what must be understood.

In the .json, `answer` is the non-stream answer of the same request, `rest` says that bytes remain after the last event;
a fact that is left out is None.
"""

from dataclasses import asdict
from pathlib import Path

import pytest

from tailrace.wire import jsonio, sse
from tailrace.wire.assemble import assembler
from tailrace.wire.replay import stream_events
from tailrace.wire.watch import StreamWatch, read_whole

CASES = sorted((Path(__file__).parent / "cases").glob("*.sse"))
CUTS = [1, 2, 3, 7, 64, 1 << 20]


def expectation(case):
    return jsonio.loads(case.with_suffix(".json").read_bytes())


EXPECTED = {case: expectation(case) for case in CASES}
ANSWERED = [case for case in CASES if "answer" in EXPECTED[case]]
COMPLETE = [case for case in ANSWERED if EXPECTED[case]["terminal"]]


def each(cases):
    return pytest.mark.parametrize("case", cases, ids=lambda case: case.stem)


def split(data, size):
    splitter = sse.FrameSplitter()
    frames = [frame for at in range(0, len(data), size) for frame in splitter.feed(data[at : at + size])]
    return frames, splitter.rest


def told(watch):
    usage = None if watch.usage is None else {k: v for k, v in asdict(watch.usage).items() if k != "estimated"}
    return {
        "response_id": watch.response_id,
        "model": watch.model,
        "finish_reasons": watch.finish_reasons,
        "usage": usage,
        "error": watch.error,
    }


def watched(shape, frames):
    watch = StreamWatch(shape)
    for frame in frames:
        watch.feed(frame)
    return watch


def assembled(shape, frames):
    answer = assembler(shape)
    for frame in frames:
        event = sse.parse(frame)
        if isinstance(event.json, dict):
            answer.feed(event.json)
    return answer.result()


@each(CASES)
@pytest.mark.parametrize("size", CUTS)
def test_facts_of_the_stream(case, size):
    expected = EXPECTED[case]
    frames, rest = split(case.read_bytes(), size)
    watch = watched(expected["shape"], frames)
    assert told(watch) == {fact: expected.get(fact) for fact in told(watch)}
    assert {"events": watch.events, "done": watch.done, "terminal": watch.terminal, "rest": bool(rest)} == {
        "rest": False,
        **{fact: expected[fact] for fact in ("events", "done", "terminal")},
        **({"rest": True} if "rest" in expected else {}),
    }


@each(ANSWERED)
def test_assembled_answer(case):
    expected = EXPECTED[case]
    frames, _ = split(case.read_bytes(), 1 << 20)
    assert assembled(expected["shape"], frames) == expected["answer"]


@each(COMPLETE)
def test_facts_of_the_whole_answer_are_those_of_the_stream(case):
    expected = EXPECTED[case]
    facts = told(read_whole(expected["shape"], expected["answer"]))
    assert facts == {fact: expected.get(fact) for fact in facts}


@each(COMPLETE)
@pytest.mark.parametrize("piece_chars", [0, 1, 3])
def test_replayed_answer_assembles_to_itself(case, piece_chars):
    expected = EXPECTED[case]
    shape, answer = expected["shape"], expected["answer"]
    frames = list(stream_events(shape, answer, include_usage=True, piece_chars=piece_chars))
    assert assembled(shape, frames) == answer
    watch = watched(shape, frames)
    assert told(watch) == told(read_whole(shape, answer))
    assert watch.terminal and watch.done
