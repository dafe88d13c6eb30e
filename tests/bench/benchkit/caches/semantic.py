"""What is done with the semantic cache over HTTP: a full store, hits on reworded questions, and what a miss costs more.

The proxy is asked the questions first, so that the partition and the answers are its own; then the store is filled up
around them while it is down.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from benchkit.caches import questions, scratch
from benchkit.caches.asking import Answer, Asker
from benchkit.caches.exact import BROKEN, running
from benchkit.caches.plan import Book, CachePlan, Shares, Tell, nearest_rank
from benchkit.caches.subjects import Balanced, CachedTailrace, Off, Unsemantic, peak_mb, rss_mb
from benchkit.machine import Cores
from benchkit.rounds import Ends

_READY_S = 120.0
_LOAD_S = 600.0
_AT_ONCE = 40
_STORED_S = 30.0
_FEWEST_HITS = 0.9


class Semantic:
    """The rows about the semantic cache."""

    def __init__(self, ends: Ends, plan: CachePlan, book: Book, tell: Tell) -> None:
        self.ends = ends
        self.plan = plan
        self.book = book
        self.tell = tell
        self.asked = 0
        self.texts: dict[int, set[str]] = {}

    def all(self, cores: Cores) -> None:
        """Everything about a full store."""
        label = "semantic"
        place = self.ends.place("semantic")
        file = place.folder / "data" / "cache" / "cache.sqlite"
        plan, book = self.plan, self.book
        try:
            with running(subject := Balanced(), self.ends, "semantic"):
                self.tell(f"{label}: storing the questions", 0)
                self._store(subject)
            self.tell(f"{label}: filling the store", 5.0)
            shares = Shares(self.tell, 40.0)
            found = scratch.run(
                "filling", cores, place.folder, shares, what="semantic", file=file, entries=plan.entries
            )
            shares(1.0)
            if found["entries"] < plan.entries + plan.questions:
                book.wrong(label, f"{found['entries']} entries in the file")
            book.notes["semantic store"] = f"{found['entries']:,} entries, of which {found['real']:,} with real vectors"
            with running(subject := Balanced(), self.ends, "semantic"):
                self._loaded(subject, "building")
            # Before the others are asked in other words: what misses is kept, and is found the next time.
            self.tell(f"{label}: its parts", 0)
            asked = [one for form in range(plan.rounds) for one in questions.reworded(plan.questions, form)]
            shares = Shares(self.tell, 8.0)
            given = {"data": place.folder / "data", "questions": asked}
            found = scratch.run("inside", cores, place.folder, shares, what="pieces", **given)
            shares(1.0)
            self._parts(found)
            with running(subject := Balanced(), self.ends, "semantic"):
                self._loaded(subject, "reading")
                self._hits(subject)
                self._grown(subject, "reading")
        except BROKEN as error:
            book.wrong(label, str(error))

    def _ready(self, subject: CachedTailrace) -> None:
        """Wait until the embedder has its model."""
        until = time.monotonic() + _READY_S
        while (state := self._statistics(subject)["embedder"])["state"] != "ready":
            if state["state"] == "failed" or time.monotonic() > until:
                raise RuntimeError(f"the embedder is not ready: {state}")
            time.sleep(0.1)

    @staticmethod
    def _statistics(subject: CachedTailrace) -> dict[str, Any]:
        told: dict[str, Any] = subject.caches()["semantic_cache"]
        return told

    def _wait(self, what: str, within_s: float, until: Callable[[], bool], pause_s: float = 0.05) -> float:
        """Wait for something that `GET /cache` tells; how long it took."""
        began = time.monotonic()
        while not until():
            if time.monotonic() - began > within_s:
                raise RuntimeError(f"{what} took more than {within_s:.0f} s")
            time.sleep(pause_s)
        return time.monotonic() - began

    def _store(self, subject: CachedTailrace) -> None:
        """Ask the questions once; none may be missing in the store."""
        self._ready(subject)
        asker = Asker(subject.port, self.ends.key)
        for number, question in enumerate(questions.stored(self.plan.questions)):
            answer = asker.ask(questions.body_of(question))
            if answer.status != 200 or answer.cache != "miss":
                self.book.wrong("storing", f"{answer.status} {answer.cache}")
            self.texts[number] = {answer.text}
            if number % _AT_ONCE == _AT_ONCE - 1 or number == self.plan.questions - 1:
                wanted = number + 1
                self._wait("keeping", _STORED_S, lambda: self._statistics(subject)["stored"] >= wanted)  # noqa: B023
        asker.close()
        if len(set().union(*self.texts.values())) != self.plan.questions:
            self.book.wrong("storing", "answers that are not each question's own")

    def _loaded(self, subject: CachedTailrace, name: str) -> None:
        """The first question has the partition loaded: from the file's vectors, or from the index that was saved."""
        book = self.book
        self.tell(f"semantic: {name} the index", 0)
        self._ready(subject)
        proxy, children = subject.processes()
        before, embedding = rss_mb(proxy), sum(map(rss_mb, children))
        asker = Asker(subject.port, self.ends.key)
        began = time.monotonic()
        # By what a request waits meanwhile: one to this partition, and one that has nothing to do with it.
        same: list[float] = []
        other: list[float] = []

        def loaded() -> bool:
            same.append(asker.ask(questions.body_of(f"Which tools belong in house {len(same)}, {name} aside?")).ms)
            other.append(asker.ask(self._body("empty")).ms)
            return bool(self._statistics(subject)["index_bytes"] > 0)

        self._wait(name, _LOAD_S, loaded, pause_s=0.25)
        book.write(f"{name} s", time.monotonic() - began)
        asker.close()
        if len(same) > 4:
            # The last ones may have been answered when it was there.
            book.write("while building same p50", nearest_rank(same[:-1], 0.5))
            book.write("while building other p50", nearest_rank(other[:-1], 0.5))
            book.write("while building other p95", nearest_rank(other[:-1], 0.95))
        book.write(f"{name} rss before", before)
        book.write(f"{name} embedding rss before", embedding)
        self._grown(subject, name)
        self.tell("", 35.0 if name == "building" else 2.0)

    def _grown(self, subject: CachedTailrace, name: str) -> None:
        """Memory as it is now; the last word counts."""
        proxy, children = subject.processes()
        for what, value in (
            ("rss after", rss_mb(proxy)),
            ("rss peak", peak_mb(proxy)),
            ("embedding rss after", sum(map(rss_mb, children))),
        ):
            self.book.figures.pop(f"{name} {what}", None)
            self.book.write(f"{name} {what}", value)

    def _hits(self, subject: CachedTailrace) -> None:
        """Each question in other words, once a round."""
        plan, book = self.plan, self.book
        asker = Asker(subject.port, self.ends.key)
        kept = questions.stored(plan.questions)
        afresh: list[str] = []
        for form in range(plan.rounds):
            label = f"semantic hits, round {form + 1}"
            self.tell(label, 0)
            times: list[float] = []
            for number, question in enumerate(questions.reworded(plan.questions, form)):
                answer = asker.ask(questions.body_of(question))
                if answer.cache == "semantic":
                    times.append(answer.ms)
                    if answer.text not in self.texts[number]:
                        book.wrong(label, f"the answer to {kept[number]!r} is another one's")
                elif answer.status == 200:
                    # Asked afresh and kept: an answer of its own to the same question.
                    self.texts[number].add(answer.text)
                    afresh.append(f"{question} ({answer.cache}, {answer.headers.get('x-tailrace-chain')})")
                else:
                    book.wrong(label, f"status {answer.status}")
            share = len(times) / plan.questions
            book.write("semantic hit share", share)
            if share < _FEWEST_HITS:
                book.wrong(label, f"only {share:.0%} of the reworded questions hit: {self._statistics(subject)}")
            book.write("semantic p50", nearest_rank(times, 0.5))
            book.write("semantic p95", nearest_rank(times, 0.95))
            self.tell(label, 3.0)
        asker.close()
        told = self._statistics(subject)
        if afresh:
            book.notes["reworded, but no hit"] = "; ".join(afresh[:6])
        book.notes["semantic rejections"] = f"{told['rejected']}, embedder {told['embedder']['state']}"

    def _parts(self, found: dict[str, Any]) -> None:
        book = self.book
        for name in ("embedding", "search", "entries", "verifier"):
            book.write(f"{name} p50", found[f"{name}_p50_ms"])
            book.write(f"{name} p95", found[f"{name}_p95_ms"])
        graph = "a graph" if found["is_graph"] else "a matrix"
        book.notes["index"] = f"{graph} of {found['vectors']:,} vectors, {found['index_mb']:.0f} MB by its own estimate"
        book.write("recall", found["recall"])
        book.notes["near enough for the verifier"] = f"{found['candidates']:.1f} of 6 neighbours a question"
        if found["vectors"] < self.plan.entries:
            book.wrong("parts", f"only {found['vectors']} vectors were searched")

    def misses(self) -> None:
        """Requests that no stored question can answer, to each proxy in turn, with pauses: what is kept is embedded in
        the background, on the same core, and must not be taken for the next request's time."""
        label = "semantic misses"
        self.tell(f"{label}: start", 0)
        proxies: list[CachedTailrace] = [Balanced(), Unsemantic(), Off()]
        balanced, unsemantic, off = proxies
        try:
            with (
                running(balanced, self.ends, "misses-balanced"),
                running(unsemantic, self.ends, "misses-unsemantic"),
                running(off, self.ends, "misses-off"),
            ):
                self._ready(balanced)
                for number in range(self.plan.rounds):
                    self._compared(proxies, "empty", number, label)
                    self._compared(proxies, "too long", number, label)
                told = self._statistics(balanced)
                if not told["bypasses"].get("too-long"):
                    self.book.wrong(label, f"no text was too long: {told['bypasses']}")
                if told["hits"]:
                    self.book.wrong(label, f"{told['hits']} hits")
                self._closed_loop(proxies, label)
        except BROKEN as error:
            self.book.wrong(label, str(error))

    def _body(self, case: str) -> bytes:
        """A request that nobody has made before, in a partition of its own or with a text that is too long."""
        self.asked += 1
        if case == "too long":
            return questions.body_of(f"{self.asked:06d} {questions.too_long()}", size=0)
        return questions.body_of(questions.stored(1)[0], system=f"You answer house {self.asked:06d}. ")

    def _compared(self, proxies: list[CachedTailrace], case: str, number: int, label: str) -> None:
        plan, book = self.plan, self.book
        askers = {subject.name: Asker(subject.port, self.ends.key) for subject in proxies}
        times: dict[str, list[float]] = {subject.name: [] for subject in proxies}
        self.tell(f"{label}: {case}, round {number + 1}", 0)
        for turn in range(plan.paced):
            names = list(askers)
            at = (turn + number) % len(names)
            for name in [*names[at:], *names[:at]]:
                answer = askers[name].ask(self._body(case))
                self._is_miss(answer, name, case)
                times[name].append(answer.ms)
                time.sleep(plan.pause_s)
        for name, values in times.items():
            book.write(f"{case} {name} p50", nearest_rank(values, 0.5))
            askers[name].close()
        self.tell("", plan.paced * len(proxies) * plan.pause_s)

    def _is_miss(self, answer: Answer, name: str, case: str) -> None:
        wanted = "" if name == "off" else "miss"
        if answer.status != 200 or answer.cache != wanted:
            self.book.wrong(f"semantic misses, {case}, {name}", f"{answer.status}, x-tailrace-cache {answer.cache!r}")

    def _closed_loop(self, proxies: list[CachedTailrace], label: str) -> None:
        """The same without pauses: one core has to embed each new question besides."""
        for subject in proxies:
            asker = Asker(subject.port, self.ends.key)
            times = []
            until = time.monotonic() + self.plan.seconds
            while time.monotonic() < until:
                answer = asker.ask(self._body("empty"))
                self._is_miss(answer, subject.name, "closed loop")
                times.append(answer.ms)
            self.book.write(f"loop {subject.name} p50", nearest_rank(times, 0.5))
            self.book.write(f"loop {subject.name} p95", nearest_rank(times, 0.95))
            asker.close()
            self.tell(label, self.plan.seconds)
        told = self._statistics(proxies[0])
        self.book.notes["kept in the closed loop"] = (
            f"{told['stored']} of {told['misses']} misses, {told['not_stored']}"
        )
