"""The harness's checks can fail: a figure from a wrong answer never reaches the table."""

from __future__ import annotations

import asyncio
import gzip
import sys
from collections.abc import Callable
from pathlib import Path

import orjson
import psutil
import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from benchkit import payload, report, sink, upstream
from benchkit.load import Result, Run, Spec
from benchkit.machine import Child, Cores, clean_environment, running
from benchkit.rawhttp import RawServer, plain
from benchkit.rounds import Measured, Plan, Turn, measure, turned
from benchkit.subjects import Place, Subject

EVENTS = 20
Answer = Callable[[bytes], list[bytes]]


async def load(answer: Answer | None, *, events: int = 0, exact: bool = True, finish_s: float = 1.0) -> Result:
    """Load a server that writes what `answer` makes of each serial number; the bench's own upstream without one."""

    class Server(RawServer):
        def on_request(self, head: bytes, body: bytes) -> None:
            assert answer
            pieces = answer(payload.serial_of(body))
            self.write(pieces)

        def write(self, pieces: list[bytes]) -> None:
            """One piece per turn of the loop; an empty one cuts the connection."""
            if not pieces or self.closed:
                return
            if not pieces[0]:
                self.transport.abort()
                return
            self.transport.write(pieces[0])
            asyncio.get_running_loop().call_soon(self.write, pieces[1:])

    loop = asyncio.get_running_loop()
    server = await loop.create_server(Server if answer else upstream.Upstream, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        return await Run(Spec(port, 0.1, 2, events, exact=exact, finish_s=finish_s)).go()
    finally:
        server.close()
        # Both sides see the end of their connections within a turn or two of the loop.
        for _ in range(5):
            await asyncio.sleep(0)


def right_answer(serial: bytes) -> bytes:
    before, after = payload.answer_parts()
    return payload.answer_head() + before + serial + after


def right_stream(serial: bytes) -> bytes:
    blank = b"".join(upstream.writes(EVENTS, 1, False))
    return payload.stream_head() + blank.replace(payload.TICKET + payload.BLANK, payload.TICKET + serial)


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


def zipped(serial: bytes) -> bytes:
    body = gzip.compress(right_answer(serial).partition(b"\r\n\r\n")[2])
    return plain(b"200 OK", body).replace(b"\r\n\r\n", b"\r\ncontent-encoding: gzip\r\n\r\n", 1)


@pytest.mark.parametrize("events", [0, EVENTS])
async def test_the_upstream_satisfies_the_checks(events: int) -> None:
    result = await load(None, events=events)
    assert (result.errors, result.first_error) == (0, None)
    assert result.completed > 0
    assert result.events == result.completed * events


@pytest.mark.parametrize("size", [1, 7, 1000])
@pytest.mark.parametrize("events", [0, EVENTS])
async def test_right_answers_may_come_in_any_pieces(events: int, size: int) -> None:
    whole = right_stream if events else right_answer
    result = await load(lambda serial: cut(whole(serial), size), events=events, finish_s=3)
    assert (result.errors, result.first_error) == (0, None)
    assert result.completed > 0


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda serial: [right_answer(serial).replace(b"gates", b"doors")], "1024 bytes that differ from the 1024"),
        (lambda serial: [right_answer(b"000000000007")], "differ"),
        (lambda serial: [right_answer(serial)[:-1].replace(b"length: 1024", b"length: 1023")], "1023 bytes"),
        (lambda serial: [right_answer(serial).replace(b"200 OK", b"429 Too Many Requests")], "status 429"),
        (lambda serial: [right_answer(serial)[:-5], b""], "lost"),
        (lambda serial: [b"HTTP/1.1 200 OK\r\n\r\n"], "without content-length"),
        (lambda serial: [right_answer(serial)[:-5]], "still wait"),
        (lambda serial: [zipped(serial)], "differ"),
    ],
)
async def test_a_wrong_answer_is_an_error(answer: Answer, said: str) -> None:
    result = await load(answer, finish_s=0.1)
    assert result.errors
    assert said in str(result.first_error)
    assert not result.completed or said == "differ"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda raw: raw.replace(b"word00003", b"word00004"), "differ"),
        (lambda raw: raw.replace(upstream.framed(payload.DONE), b""), "differ"),
        (lambda raw: raw.replace(upstream.framed(payload.stream_events(EVENTS)[4]), b""), "differ"),
        (lambda raw: raw.removesuffix(b"0\r\n\r\n"), "still wait"),
    ],
)
async def test_a_wrong_stream_is_an_error(change: Callable[[bytes], bytes], said: str) -> None:
    result = await load(lambda serial: [change(right_stream(serial))], events=EVENTS, finish_s=0.1)
    assert said in str(result.first_error)
    assert (result.completed, result.events) == (0, 0)


@pytest.mark.parametrize(
    ("answer", "events", "said"),
    [
        (lambda serial: [zipped(serial)], 0, None),
        (lambda serial: [right_stream(serial).replace(b'"fp_bench"', b'"fp_proxy"')], EVENTS, None),
        (lambda serial: [right_answer(serial).replace(b"gates", b"doors")], 0, "another text"),
        (lambda serial: [right_stream(serial).replace(b"word00003", b"word00004")], EVENTS, "another text"),
        (lambda serial: [right_stream(serial).replace(b"[DONE]", b"[EXIT]")], EVENTS, "does not end with [DONE]"),
        (lambda serial: [right_answer(serial).replace(b'"choices"', b'"voices_"')], 0, "not a completion"),
    ],
)
async def test_a_proxy_that_rewrites_is_judged_by_its_text(answer: Answer, events: int, said: str | None) -> None:
    result = await load(answer, events=events, exact=False)
    if said is None:
        assert (result.errors, result.first_error) == (0, None)
    else:
        assert said in str(result.first_error)
        assert not result.completed


async def test_nobody_listening_is_an_error() -> None:
    result = await Run(Spec(1, 0.05, 2)).go()
    assert "cannot connect" in str(result.first_error)


class StubEnds:
    """Ends that saw `seen` of the requests that the load generator completed."""

    def __init__(self, completed: int, seen: int, errors: int = 0) -> None:
        self.result = Result(0.1, completed, 10.0, 1.0, 2.0, errors=errors, first_error="x" if errors else None)
        self.told = 0
        self.step = seen

    def seen(self) -> int:
        self.told += 1
        return self.step if self.told % 2 == 0 else 0

    def traces(self) -> int:
        return 0

    def load(self, spec: Spec) -> Result:
        return self.result

    def place(self, name: str) -> Place:
        return Place(Cores(None, None), 1, 2, "key", Path())


class StubSubject(Subject):
    name = "stub"
    title = "stub"

    def launch(self, place: Place) -> Child:
        raise RuntimeError("port in use")


def test_answers_that_never_reached_the_upstream_are_a_problem() -> None:
    turn = Turn(StubSubject(), StubEnds(100, 99), Plan())  # type: ignore[arg-type]
    turn.requests()
    assert turn.problems == ["requests: 100 answers, but only 99 requests reached the upstream"]


def test_a_subject_that_does_not_start_is_a_problem(tmp_path: Path) -> None:
    measured = measure(StubSubject(), StubEnds(1, 1), Plan(), lambda *_: None)  # type: ignore[arg-type]
    assert measured.problems == ["start: port in use"]


def test_errors_are_a_problem_and_void_the_figures() -> None:
    turn = Turn(StubSubject(), StubEnds(100, 100, errors=1), Plan())  # type: ignore[arg-type]
    turn.requests()
    assert turn.problems
    assert report.medians([[Measured("stub", turn.figures, turn.problems)]]) == {"stub": {}}


def sound(subject: str, **figures: float) -> Measured:
    return Measured(subject, dict(figures), [])


def test_ratios_are_taken_within_a_round() -> None:
    rounds = [
        [sound("tailrace", per_s=8000), sound("litellm", per_s=100)],
        [sound("litellm", per_s=200), sound("tailrace", per_s=2000)],
        [sound("tailrace", per_s=1000), Measured("litellm", {"per_s": 1}, ["wrong"])],
    ]
    found = report.ratios(rounds)["requests/s, tailrace / litellm"]
    assert (found.median, found.low, found.high, found.count) == (45, 10, 80, 2)


def test_verdicts_say_yes_no_and_not_measured() -> None:
    rounds = [[sound("tailrace", cpu_us=160, rss_mb=90, events_per_s=99_999)]]
    said = {line.target: line for line in report.verdicts(report.medians(rounds), report.ratios(rounds))}
    assert said["CPU per request, chain + metrics + sampled-out traces"].reached is True
    assert said["RSS after load, no extras"].reached is False
    assert said["streamed events in bursts"].reached is False
    assert said["throughput against LiteLLM"].reached is None


def test_a_busy_neighbour_is_noticed() -> None:
    rounds = [[sound("nginx", others_cores=0.02)], [sound("nginx", others_cores=0.9)]]
    assert report.disturbance(rounds) == 0.9
    assert report.disturbance([]) == 0.0


def test_a_target_is_not_reached_under_easier_conditions() -> None:
    def reached(share: float, chained: bool) -> list[bool | None]:
        rounds = [[sound("tailrace", cpu_us=100), sound("tailrace-traced", cpu_us=200, exported_share=share)]]
        lines = report.verdicts(report.medians(rounds), {}, chained=chained)
        return [line.reached for line in lines if line.target.startswith("CPU")]

    assert reached(1.0, True) == [True, True]
    assert reached(0.9999, True) == [True, False]
    assert reached(1.0, False) == [False, False]


def test_the_order_turns_from_round_to_round() -> None:
    one, two = StubSubject(), StubSubject()
    assert turned([one, two], 0) == turned([one, two], 2) == [one, two]
    assert turned([one, two], 1) == [two, one]


def test_payloads_are_what_they_claim() -> None:
    for events in (0, EVENTS):
        before, after = payload.request_parts(7, "sk-bench", events=events)
        body = (before + b"000000000042" + after).partition(b"\r\n\r\n")[2]
        assert len(body) == payload.REQUEST_BYTES
        assert payload.serial_of(body) == b"000000000042"
        assert orjson.loads(body).get("stream", False) is bool(events)
    before, after = payload.answer_parts()
    body = before + payload.BLANK + after
    assert len(body) == payload.ANSWER_BYTES
    ChatCompletion.model_validate_json(body)
    for event in payload.stream_events(EVENTS):
        ChatCompletionChunk.model_validate_json(event.removeprefix(b"data: "))


def test_the_sink_counts_spans_and_traces() -> None:
    request = ExportTraceServiceRequest()
    scope = request.resource_spans.add().scope_spans.add()
    for number in range(6):
        span = scope.spans.add(trace_id=bytes([number // 2]) * 16, span_id=bytes(8), name="chat")
        span.attributes.add(key="gen_ai.request.model").value.string_value = "gpt-4o-mini"
        span.start_time_unix_nano = number
    raw = request.SerializeToString()
    sink.waiting[:] = [(False, raw), (True, gzip.compress(raw))]
    counted = orjson.loads(sink.count())
    assert (counted["spans"], counted["traces"]) == (12, 3)


def test_a_child_is_stopped_with_its_children(tmp_path: Path) -> None:
    command = ["sh", "-c", "trap '' TERM; sleep 60 & echo up; wait; sleep 60"]
    child = Child(command, core=None, log=tmp_path / "log", cwd=tmp_path)
    child.wait_until(lambda: "up" in child.tail(), 3)
    pids = [process.pid for process in child.tree()]
    assert len(pids) >= 2
    child.stop(patience_s=0.1)
    assert not [pid for pid in pids if psutil.pid_exists(pid) and psutil.Process(pid).status() != "zombie"]
    assert child not in running
    child.stop()


def test_subjects_do_not_inherit_what_would_spoil_a_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PYTHONDONTWRITEBYTECODE", "OTEL_SDK_DISABLED", "OPENAI_API_KEY", "https_proxy"):
        monkeypatch.setenv(name, "1")
    kept = clean_environment({"PYTHONPATH": "x"})
    assert kept["PYTHONPATH"] == "x"
    assert not {"PYTHONDONTWRITEBYTECODE", "OTEL_SDK_DISABLED", "OPENAI_API_KEY", "https_proxy"} & set(kept)
