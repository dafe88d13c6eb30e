"""What is done with each subject, and in which order.

Within a round the subjects take turns, each started afresh and alone; the order turns by one place from round to round,
so that a machine that grows slower with time favours nobody. Ratios are taken within a round.
"""

from __future__ import annotations

import http.client
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import orjson

from benchkit.load import Result, Spec
from benchkit.machine import BENCH, CACHE, Child, Cores, Neighbours, clean_environment, free_port
from benchkit.subjects import Place, Subject, answers

SERIALS_PER_RUN = 10_000_000
FIRST_CHUNK_EVENTS = 4
FIRST_CHUNK_PACE_MS = 2
DRAIN_S = 20.0
QUIET_S = 6.5  # longer than the 5 s of a batching exporter's default schedule
Row = dict[str, float | None]


@dataclass(frozen=True)
class Plan:
    """How long and how hard."""

    seconds: float = 5.0
    rounds: int = 3
    connections: int = 64
    streams: int = 16
    events: int = 500
    burst: int = 1

    @property
    def warm_s(self) -> float:
        """Before the first measurement of each start."""
        return max(1.0, self.seconds * 0.4)

    @property
    def short_s(self) -> float:
        """The runs at one connection."""
        return max(1.0, self.seconds * 0.6)


@dataclass
class Measured:
    """One subject in one round: figures by name, and what makes them void."""

    subject: str
    figures: Row
    problems: list[str]


class Ends:
    """The upstream, the collector and the load generator, on the load core."""

    def __init__(self, cores: Cores, plan: Plan, folder: Path) -> None:
        self.cores = cores
        self.plan = plan
        self.folder = folder
        self.upstream_port = free_port()
        self.sink_port = free_port()
        self.children: list[Child] = []
        self.serial = 1
        # LiteLLM starts with a strong key only; every subject's clients present the same one.
        self.key = f"sk-{secrets.token_hex(32)}"

    def __enter__(self) -> Ends:
        core = "-" if self.cores.load is None else str(self.cores.load)
        try:
            self.upstream = self.launch("upstream", str(self.upstream_port), core, str(self.plan.burst))
            self.sink = self.launch("sink", str(self.sink_port), core)
            self.upstream.wait_until(lambda: answers(self.upstream_port, self.key), 15)
            self.sink.wait_until(lambda: ask(self.sink_port, "/count") is not None, 15)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for child in self.children:
            child.stop()

    def launch(self, module: str, *arguments: str) -> Child:
        """Start one of our own programs."""
        child = Child(
            [sys.executable, "-m", f"benchkit.{module}", *arguments],
            core=self.cores.load,
            log=self.folder / f"{module}.log",
            environment={"PYTHONPATH": str(BENCH)},
        )
        self.children.append(child)
        return child

    def place(self, name: str) -> Place:
        """Where a subject stands."""
        return Place(self.cores, self.upstream_port, self.sink_port, self.key, self.folder / name)

    def seen(self) -> int:
        """Requests that reached the upstream so far."""
        return sum((ask(self.upstream_port, "/stats") or {"requests": 0}).values())

    def traces(self) -> int:
        """Traces that reached the collector so far."""
        return (ask(self.sink_port, "/count") or {"traces": 0})["traces"]

    def load(self, spec: Spec) -> Result:
        """Run the load generator in a process of its own."""
        spec.cpu = self.cores.load
        spec.key = self.key
        if not spec.first_serial:
            spec.first_serial = self.serial
            self.serial += SERIALS_PER_RUN
        command = [sys.executable, "-m", "benchkit.load", orjson.dumps(asdict(spec)).decode()]
        environment = clean_environment({"PYTHONPATH": str(BENCH)})
        patience = spec.seconds + spec.finish_s + 20
        done = subprocess.run(
            command,
            env=environment,
            cwd=BENCH,
            capture_output=True,
            timeout=patience,
            check=False,
            start_new_session=True,
        )
        if done.returncode:
            raise RuntimeError(f"the load generator failed: {done.stderr.decode()[-500:]}")
        return Result(**orjson.loads(done.stdout.splitlines()[-1]))


def ask(port: int, path: str) -> dict[str, int] | None:
    """One of our own programs' counters."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        counters: dict[str, int] = orjson.loads(connection.getresponse().read())
        return counters
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        connection.close()


class Turn:
    """One subject's turn in a round."""

    def __init__(self, subject: Subject, ends: Ends, plan: Plan) -> None:
        self.subject = subject
        self.ends = ends
        self.plan = plan
        self.figures: Row = {}
        self.problems: list[str] = []

    def cpu_s(self) -> float:
        return self.subject.child.cpu_s() if self.subject.child else 0.0

    def drain(self, wanted: int) -> int:
        """Wait until the collector has `wanted` traces more or hears nothing new; the traces it has."""
        deadline = time.monotonic() + DRAIN_S
        have = self.ends.traces()
        heard = time.monotonic()
        while have < wanted and time.monotonic() < min(deadline, heard + QUIET_S):
            time.sleep(0.1)
            now = self.ends.traces()
            if now != have:
                have, heard = now, time.monotonic()
        return have

    def run(self, name: str, spec: Spec) -> tuple[Result, float]:
        """Load the subject; the result and the CPU seconds it took, exporting included."""
        traced = self.subject.traced
        seen, traces, cpu = self.ends.seen(), self.ends.traces(), self.cpu_s()
        result = self.ends.load(spec)
        exported = self.drain(traces + result.completed) - traces if traced else 0
        cpu = self.cpu_s() - cpu
        reached = self.ends.seen() - seen
        if result.errors:
            self.problems.append(f"{name}: {result.errors} errors, the first: {result.first_error}")
        if not result.completed:
            self.problems.append(f"{name}: nothing completed")
        if reached < result.completed:
            self.problems.append(
                f"{name}: {result.completed} answers, but only {reached} requests reached the upstream"
            )
        if traced and name == "requests" and result.completed:
            self.figures["exported_share"] = round(exported / result.completed, 4)
        return result, cpu

    def spec(self, seconds: float, connections: int, events: int = 0, pace_ms: int = 0) -> Spec:
        return Spec(self.subject.port, seconds, connections, events, pace_ms, exact=self.subject.exact)

    def start(self) -> None:
        self.subject.start(self.ends.place(self.subject.name))
        self.figures["start_s"] = self.subject.start_s
        child = self.subject.child
        self.figures["rss_idle_mb"] = round(child.rss_mb(), 1) if child else None

    def warm(self) -> None:
        self.run("warm-up", self.spec(self.plan.warm_s, self.plan.connections))

    def requests(self) -> None:
        child = self.subject.child
        lines = child.lines() if child else 0
        result, cpu = self.run("requests", self.spec(self.plan.seconds, self.plan.connections))
        self.figures["log_lines"] = (child.lines() - lines) / max(result.completed, 1) if child else None
        per_request = cpu / max(result.completed, 1) * 1e6 if self.subject.is_proxy else None
        self.figures |= {
            "cpu_us": per_request,
            "per_s": result.per_s,
            "per_s_core": 1e6 / per_request if per_request else None,
            "p50_ms": result.p50_ms,
            "p99_ms": result.p99_ms,
            "busy": result.per_s * per_request / 1e6 if per_request else None,
            "load_busy": result.load_cpu_s / self.plan.seconds,
        }

    def single(self) -> None:
        result, cpu = self.run("one connection", self.spec(self.plan.short_s, 1))
        self.figures["p50_one_ms"] = result.p50_ms
        self.figures["p99_one_ms"] = result.p99_ms
        self.figures["cpu_one_us"] = cpu / max(result.completed, 1) * 1e6 if self.subject.is_proxy else None

    def burst(self) -> None:
        # A stream or two to warm the path up; a slow subject may take its time to finish those it has begun.
        self.run("stream warm-up", self.spec(0.3, min(2, self.plan.streams), self.plan.events))
        result, cpu = self.run("burst", self.spec(self.plan.seconds, self.plan.streams, self.plan.events))
        self.figures["events_per_s"] = result.events_per_s
        per_event = cpu / result.events * 1e6 if result.events and self.subject.is_proxy else None
        self.figures["cpu_event_us"] = per_event
        self.figures["events_per_s_core"] = 1e6 / per_event if per_event else None

    def first_chunk(self) -> None:
        spec = self.spec(self.plan.short_s, 1, FIRST_CHUNK_EVENTS, FIRST_CHUNK_PACE_MS)
        result, _ = self.run("first chunk", spec)
        self.figures["first_p50_ms"] = result.first_p50_ms
        self.figures["first_p99_ms"] = result.first_p99_ms

    def memory(self) -> None:
        child = self.subject.child
        self.figures["rss_mb"] = round(child.rss_mb(), 1) if child else None

    def steps(self) -> list[tuple[str, Callable[[], None], float]]:
        """Name, action and about how many seconds, in order."""
        plan = self.plan
        return [
            ("start", self.start, 12.0 if self.subject.ready_s > 60 else 0.5),
            ("warm-up", self.warm, plan.warm_s + 0.2),
            ("requests", self.requests, plan.seconds + 0.2),
            ("one connection", self.single, plan.short_s + 0.2),
            ("stream bursts", self.burst, plan.seconds + 0.7),
            ("first chunk", self.first_chunk, plan.short_s + 0.2),
            ("memory", self.memory, 0.0),
        ]


Tell = Callable[[str, float], None]


def measure(subject: Subject, ends: Ends, plan: Plan, tell: Tell) -> Measured:
    """One subject's turn; a failure is a problem on record, not the end of the run."""
    turn = Turn(subject, ends, plan)
    steps = turn.steps()
    done = 0
    neighbours = Neighbours()
    try:
        for name, action, weight in steps:
            tell(name, 0.0)
            action()
            done += 1
            tell(name, weight)
    except (RuntimeError, OSError, subprocess.SubprocessError) as error:
        turn.problems.append(f"{steps[done][0]}: {error}")
        for name, _, weight in steps[done:]:
            tell(name, weight)
    finally:
        subject.stop()
    turn.figures["others_cores"] = neighbours.cores()
    return Measured(subject.name, turn.figures, turn.problems)


def turned(subjects: Sequence[Subject], number: int) -> list[Subject]:
    """The order of a round."""
    at = number % len(subjects)
    return [*subjects[at:], *subjects[:at]]


def run_folder() -> Path:
    """Where this run keeps its configurations and logs; the last run's are overwritten."""
    return CACHE / "run"
