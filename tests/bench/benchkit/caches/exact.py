"""What is done with the exact cache over HTTP: hits beside LiteLLM's, hits from disk, and what a miss costs more."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from dataclasses import replace

from benchkit import payload
from benchkit.caches import scratch
from benchkit.caches.asking import Asker
from benchkit.caches.plan import Book, CachePlan, Shares, Tell
from benchkit.caches.subjects import CachedLiteLLM, CachedTailrace, Off, Safe
from benchkit.load import Result, Spec
from benchkit.machine import Cores
from benchkit.rounds import Ends, turned
from benchkit.subjects import Subject

_WARM_S = 1.0
_FILL_S = 600.0
_SERIAL = 700_000_000
FORMS = (("whole", 0), ("stream", 1))
BROKEN = (RuntimeError, OSError, subprocess.SubprocessError)


@contextlib.contextmanager
def running(subject: Subject, ends: Ends, name: str = "") -> Iterator[None]:
    """A subject that runs inside the block; `name` is the folder it finds its files in."""
    subject.start(ends.place(name or subject.name))
    try:
        yield
    finally:
        if isinstance(subject, CachedTailrace):
            subject.stop_gently()
        else:
            subject.stop()


class Exact:
    """The rows about the exact cache."""

    def __init__(self, ends: Ends, plan: CachePlan, book: Book, tell: Tell) -> None:
        self.ends = ends
        self.plan = plan
        self.book = book
        self.tell = tell

    def spec(self, subject: Subject, seconds: float, connections: int = 1, stream: int = 0) -> Spec:
        """Deterministic requests, whole or streamed."""
        events = self.plan.events if stream else 0
        return Spec(subject.port, seconds, connections, events, exact=subject.exact, temperature=0)

    def load(self, where: str, spec: Spec, *, hits: bool) -> Result:
        """Run the load; every answer must be a hit, or every one a miss: by what reached the provider."""
        seen = self.ends.seen()
        result = self.ends.load(spec)
        reached = self.ends.seen() - seen
        if result.errors or not result.completed:
            self.book.wrong(where, f"{result.completed} answers, {result.errors} errors: {result.first_error}")
        wanted = 0 if hits else result.completed
        if reached != wanted:
            self.book.wrong(where, f"of {result.completed} requests {reached} reached the provider, not {wanted}")
        return result

    def hits(self, subjects: list[Subject], number: int) -> None:
        """One round: the same request over and over, the subjects taking turns."""
        for subject in turned(subjects, number):
            label = f"hits, round {number + 1}, {subject.name}"
            self.tell(f"{label}: start", 0)
            try:
                with running(subject, self.ends, f"hits-{subject.name}"):
                    self.tell(label, 12.0 if subject.ready_s > 60 else 1.0)
                    self._hits(subject, label)
            except BROKEN as error:
                self.book.wrong(label, str(error))

    def _hits(self, subject: Subject, label: str) -> None:
        plan, book, name = self.plan, self.book, subject.name
        serial = _SERIAL + len(book.figures.get(f"{name} whole p50", []))
        for form, stream in FORMS:
            spec = replace(self.spec(subject, _WARM_S, stream=stream), repeat=True, first_serial=serial)
            # LiteLLM keeps its answer in the background: the first requests may all go through.
            self.ends.load(spec)
            result = self.load(f"{label}, {form}", replace(spec, seconds=plan.seconds), hits=True)
            book.write(f"{name} {form} p50", result.p50_ms)
            book.write(f"{name} {form} p99", result.p99_ms)
            if stream:
                book.write(f"{name} first event p50", result.first_p50_ms)
            self.tell(label, plan.seconds + _WARM_S)
        spec = self.spec(subject, plan.seconds, plan.connections)
        spec = replace(spec, repeat=True, first_serial=serial)
        assert subject.child is not None
        cpu = subject.child.cpu_s()
        result = self.load(f"{label}, {plan.connections} connections", spec, hits=True)
        book.write(f"{name} cpu", (subject.child.cpu_s() - cpu) / max(1, result.completed) * 1e6)
        book.write(f"{name} per_s", result.per_s)
        book.write(f"{name} many p50", result.p50_ms)
        book.write(f"{name} many p99", result.p99_ms)
        if isinstance(subject, CachedTailrace):
            self._is_hit(subject, serial, label)
        self.tell(label, plan.seconds)

    def _is_hit(self, subject: CachedTailrace, serial: int, where: str) -> None:
        """Look at one answer and at the statistics."""
        before, after = payload.request_parts(0, self.ends.key, temperature=0)
        body = before.partition(b"\r\n\r\n")[2] + b"%012d" % serial + after
        asker = Asker(subject.port, self.ends.key)
        cache = asker.ask(body).cache
        asker.close()
        if cache != "exact":
            self.book.wrong(where, f"x-tailrace-cache says {cache!r}")
        rate = subject.caches()["exact_cache"]["hit_rate"]
        if rate is None or rate < 0.9:
            self.book.wrong(where, f"the statistics say a hit rate of {rate}")

    def misses(self, number: int) -> None:
        """One round: distinct requests, in slices that alternate between a proxy with the cache and one without."""
        safe, off = Safe(), Off()
        label = f"misses, round {number + 1}"
        self.tell(label, 0)
        try:
            with running(safe, self.ends, "miss-safe"), running(off, self.ends, "miss-off"):
                for subject in (safe, off):
                    self.load(label, self.spec(subject, _WARM_S), hits=False)
                for form, stream in FORMS:
                    # A and B, B and A …: what drifts favours neither.
                    for turn in range(self.plan.slices):
                        for subject in turned([safe, off], number + turn):
                            self._slice(subject, form, stream, label)
                told = safe.caches()["exact_cache"]
                self.book.notes["misses stored"] = f"{told['stored']} of {told['misses']}"
        except BROKEN as error:
            self.book.wrong(label, str(error))

    def _slice(self, subject: CachedTailrace, form: str, stream: int, label: str) -> None:
        assert subject.child is not None
        spec = self.spec(subject, self.plan.seconds / 2, stream=stream)
        cpu = subject.child.cpu_s()
        result = self.load(f"{label}, {form}, {subject.name}", spec, hits=False)
        self.book.write(f"miss {subject.name} {form} p50", result.p50_ms)
        self.book.write(f"miss {subject.name} {form} p99", result.p99_ms)
        cpu = (subject.child.cpu_s() - cpu) / max(1, result.completed) * 1e6
        self.book.write(f"miss {subject.name} {form} cpu", cpu)
        if stream:
            self.book.write(f"miss {subject.name} first event p50", result.first_p50_ms)
        self.tell(label, self.plan.seconds / 2)

    def from_disk(self, cores: Cores) -> None:
        """A file of many entries: opened, and read by a proxy that has nothing in memory."""
        plan, book, label = self.plan, self.book, "from disk"
        place = self.ends.place("disk")
        file = place.folder / "data" / "cache" / "cache.sqlite"
        shares = Shares(self.tell, 10.0)
        try:
            self.tell(f"{label}: filling", 0)
            found = scratch.run("filling", cores, place.folder, shares, what="exact", file=file, entries=plan.entries)
            if found["entries"] != plan.entries:
                book.wrong(label, f"{found['entries']} entries in the file, not {plan.entries}")
            shares(1.0)
            self.tell(f"{label}: opening", 0)
            found = scratch.run("inside", cores, place.folder, lambda _: None, what="opening", file=file)
            book.write("opening ms", found["worst_ms"])
            book.notes["opening"] = f"{found['entries']:,} entries, {file.stat().st_size / 1e6:.0f} MB"
            subject = Safe()
            with running(subject, self.ends, "disk"):
                self.tell(f"{label}: asking", 2.0)
                spec = replace(self.spec(subject, _FILL_S), most=plan.from_disk, first_serial=_SERIAL)
                self.load(f"{label}, asking", spec, hits=False)
                self.tell(f"{label}: restarting", 4.0)
            with running(subject, self.ends, "disk"):
                book.write("start with a full file s", subject.start_s)
                result = self.load(label, replace(spec, port=subject.port), hits=True)
                book.write("disk p50", result.p50_ms)
                book.write("disk p99", result.p99_ms)
                told = subject.caches()["exact_cache"]
                if told["hits"] < result.completed or result.completed < plan.from_disk:
                    book.wrong(label, f"{told['hits']} hits of {result.completed}, {plan.from_disk} were asked")
                self.tell(label, 4.0)
        except BROKEN as error:
            book.wrong(label, str(error))


def hit_subjects() -> list[Subject]:
    """Those whose hits are compared."""
    return [Safe(), CachedLiteLLM()]
