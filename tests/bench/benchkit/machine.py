"""Cores, child processes and what they cost."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

BENCH = Path(__file__).resolve().parents[1]
ROOT = BENCH.parents[1]
CACHE = ROOT / ".cache" / "bench"
# What would change a subject's figures or behaviour without anybody having asked for it.
UNWANTED = ("PYTHON", "OTEL_", "TAILRACE", "OPENAI_", "ANTHROPIC_", "LITELLM_", "UVLOOP", "AIOHTTP_")
PROXIES = frozenset(("http_proxy", "https_proxy", "all_proxy", "no_proxy"))


@dataclass(frozen=True)
class Cores:
    """Where things run; None where the platform cannot pin (macOS)."""

    subject: int | None
    load: int | None
    remark: str | None = None


def choose_cores() -> Cores:
    """The second core for the subject (the first has the interrupts), the first for both ends."""
    if not hasattr(os, "sched_setaffinity"):
        return Cores(None, None, "this platform cannot pin processes to cores: figures vary more")
    allowed = sorted(os.sched_getaffinity(0))
    if len(allowed) < 2:
        remark = (
            "one core only: subject, upstream and load share it; rates and latencies mean little, CPU per request does"
        )
        return Cores(allowed[0], allowed[0], remark)
    return Cores(allowed[1], allowed[0])


@contextmanager
def on_core(core: int | None) -> Iterator[None]:
    """Processes started inside inherit the core: no race between their start and the pinning."""
    if core is None:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def clean_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Our environment without what changes a subject: PYTHONDONTWRITEBYTECODE spoils start-up, keys change routes."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(UNWANTED) and name.lower() not in PROXIES
    }
    return kept | dict(extra or {})


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


class Child:
    """A process group: started on a core, stopped whole."""

    def __init__(
        self,
        command: Sequence[str | Path],
        *,
        core: int | None,
        log: Path,
        environment: Mapping[str, str] | None = None,
        cwd: Path = ROOT,
    ) -> None:
        self.log = log
        log.parent.mkdir(parents=True, exist_ok=True)
        with on_core(core), log.open("wb") as out:
            self.process = subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env=clean_environment(environment),
                cwd=cwd,
                start_new_session=True,
            )
        self.started = time.time()
        running.append(self)

    def tail(self, lines: int = 6) -> str:
        """The last lines it wrote."""
        return "\n".join(self.log.read_text(errors="replace").strip().splitlines()[-lines:])

    def lines(self) -> int:
        """How many lines it wrote so far."""
        with self.log.open("rb") as log:
            return sum(1 for _ in log)

    def wait_until(self, ready: Callable[[], bool], within_s: float) -> None:
        """Wait for `ready`; RuntimeError with the log's end when the process dies or the time is up."""
        deadline = time.monotonic() + within_s
        while not ready():
            if self.process.poll() is not None:
                raise RuntimeError(f"exited with {self.process.returncode}: {self.tail()}")
            if time.monotonic() > deadline:
                raise RuntimeError(f"not ready within {within_s:.0f} s: {self.tail()}")
            time.sleep(0.01)

    def tree(self) -> list[psutil.Process]:
        """The process and its living descendants."""
        try:
            root = psutil.Process(self.process.pid)
            return [root, *root.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def cpu_s(self) -> float:
        """User and system time of the tree, with that of children already gone."""
        total = 0.0
        for process in self.tree():
            try:
                times = process.cpu_times()
            except psutil.NoSuchProcess:
                continue
            total += (
                times.user + times.system + getattr(times, "children_user", 0) + getattr(times, "children_system", 0)
            )
        return total

    def rss_mb(self) -> float:
        """Resident memory of the tree; pages shared between its processes count in each."""
        total = 0
        for process in self.tree():
            try:
                total += process.memory_info().rss
            except psutil.NoSuchProcess:
                continue
        return total / 1e6

    def group(self) -> list[psutil.Process]:
        """What lives in its process group: workers may outlive the leader."""
        found = []
        for process in psutil.process_iter():
            try:
                ours = os.getpgid(process.pid) == self.process.pid and process.create_time() >= self.started - 1
                if ours and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except (ProcessLookupError, psutil.Error):
                continue
        return found

    def stop(self, patience_s: float = 5.0) -> None:
        """SIGTERM to the group, SIGKILL to what is left of it; may be called twice."""
        if self in running:
            running.remove(self)
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(patience_s)
            except subprocess.TimeoutExpired:
                pass
        deadline = time.monotonic() + 5
        while (left := self.group()) and time.monotonic() < deadline:
            for process in left:
                try:
                    process.kill()
                except psutil.Error:
                    continue
            # A kill takes effect a little later; only then is the core free for the next subject.
            time.sleep(0.005)
        self.process.wait(5)


running: list[Child] = []


def stop_all() -> None:
    """Stop whatever is still running, whoever started it."""
    for child in list(running):
        child.stop()


class Neighbours:
    """How much of the machine others used while something was measured."""

    def __init__(self) -> None:
        self.since = time.monotonic()
        self.others = self.everybody() - self.ourselves()

    @staticmethod
    def everybody() -> float:
        """CPU seconds of all processes, with what a hypervisor took away; interrupts are nobody's in particular."""
        times = psutil.cpu_times()
        return float(sum(getattr(times, name, 0.0) for name in ("user", "nice", "system", "steal")))

    @staticmethod
    def ourselves() -> float:
        """CPU seconds of this process and everything it started, gone or living."""
        this = psutil.Process()
        own = this.cpu_times()
        total = own.user + own.system + getattr(own, "children_user", 0.0) + getattr(own, "children_system", 0.0)
        for process in this.children(recursive=True):
            try:
                times = process.cpu_times()
            except psutil.Error:
                continue
            total += times.user + times.system
            total += getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0)
        return float(total)

    def cores(self) -> float:
        """Cores in use by others, on average since the start; about 0 on a quiet machine."""
        spent = self.everybody() - self.ourselves() - self.others
        return max(0.0, spent / max(time.monotonic() - self.since, 0.1))


def version(package: str) -> str | None:
    """The installed version of a Python package."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def cpu_model() -> str:
    """The processor's name."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def load_average() -> float | None:
    """The 1-minute load, which tells whether somebody else was working here."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None
