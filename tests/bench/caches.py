"""`make bench-caches`: the caches beside LiteLLM's, beside no cache, and under a hundred thousand entries.

Everything is measured in one run and compared within it, the subjects taking turns. Writes nothing but into a temporary
folder. See `--help`.
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import orjson
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

sys.path.insert(0, str(Path(__file__).resolve().parent))

from benchkit import ending, machine, payload, report
from benchkit.caches import memory, table
from benchkit.caches.exact import Exact, hit_subjects
from benchkit.caches.plan import ANSWER_BYTES, REAL, Book, CachePlan
from benchkit.caches.semantic import Semantic
from benchkit.rounds import Ends, Plan
from benchkit.subjects import Subject, Unavailable

PARTS = ("hits", "misses", "disk", "semantic", "semantic-misses", "memory")
DISTURBED_CORES = 0.1


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="make bench-caches", description=__doc__)
    plan = CachePlan()
    parser.add_argument("--rounds", type=int, default=plan.rounds, help="default %(default)s, 4 at the most")
    parser.add_argument("--seconds", type=float, default=plan.seconds, help="each measurement (default %(default)s)")
    parser.add_argument("--entries", type=int, default=plan.entries, help="in the full stores (default %(default)s)")
    parser.add_argument("--requests", type=int, default=plan.in_all, help="distinct, for memory (default %(default)s)")
    parser.add_argument("--only", metavar="PARTS", help=f"comma-separated, of {','.join(PARTS)}")
    parser.add_argument("--quick", action="store_true", help="a little of everything: a smoke test, no figures")
    parser.add_argument("--strict", action="store_true", help="exit 1 when a target is missed or was not measured")
    chosen = parser.parse_args()
    chosen.parts = chosen.only.split(",") if chosen.only else list(PARTS)
    if unknown := [name for name in chosen.parts if name not in PARTS]:
        parser.error(f"unknown part {', '.join(unknown)}; there are {', '.join(PARTS)}")
    if chosen.seconds <= 0 or not 1 <= chosen.rounds <= 4 or chosen.entries < 3_000 or chosen.requests < 1_000:
        parser.error("seconds must be positive, rounds 1 to 4, entries at least 3000, requests at least 1000")
    return chosen


def conditions(plan: CachePlan, cores: machine.Cores, subjects: list[Subject]) -> dict[str, str]:
    """What the figures depend on."""
    pinned = f"subjects on core {cores.subject} (the embedding process, too), both ends on core {cores.load}"
    names = ("tailrace", "orjson", "uvloop", "hnswlib", "torch", "sentence-transformers")
    versions = {name: machine.version(name) for name in names}
    versions |= {subject.name: subject.version for subject in subjects}
    out = {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": f"{machine.cpu_model()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}",
        "placement": pinned if cores.subject is not None else "not pinned",
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
        "versions": ", ".join(f"{name} {found}" for name, found in sorted(versions.items())),
        "payload": f"{payload.REQUEST_BYTES} B request, temperature 0; {payload.ANSWER_BYTES} B answer or a stream of "
        f"{plan.events} events; every answer's text is compared, and what reached the provider is counted",
        "load": f"closed loop, 1 connection ({plan.connections} where many), {plan.seconds:g} s, {plan.rounds} rounds; "
        f"misses in slices of {plan.seconds / 2:g} s, with and without the cache in turn",
        "exact store": f"{plan.entries:,} entries of {ANSWER_BYTES} B; "
        f"{plan.from_disk:,} others are asked for after a restart, each once",
        "semantic store": f"{plan.entries:,} entries of {ANSWER_BYTES} B in one partition: up to "
        f"{REAL:,} with MiniLM's vectors, the rest turned from these (cosine 0.5 to 0.95; a tenth anywhere)",
        "semantic questions": f"{plan.questions}, asked through the proxy, then in other words, once a round",
        "semantic misses": f"{plan.paced} a round with pauses of {plan.pause_s * 1000:.0f} ms, since what is kept is "
        "embedded in the background; and without pauses",
        "1-minute load before": str(machine.load_average()),
    }
    if cores.remark:
        out["beware"] = cores.remark
    return out


def steps(parts: list[str], plan: CachePlan) -> float:
    """About how many seconds all of it takes: what the bar is measured by."""
    short = plan.seconds
    took = {
        "hits": plan.rounds * (13 + 2 * (3 * short + 2)),
        "misses": plan.rounds * 2 * plan.slices * 2 * short / 2,
        "disk": 20.0,
        "semantic": 5 + 40 + 37 + 8 + 3.0 * plan.rounds,
        "semantic-misses": plan.rounds * plan.paced * 6 * plan.pause_s + 3 * short,
        "memory": memory.ENDLESS_S * plan.in_all / 1e6,
    }
    return sum(took[part] for part in parts)


def everything(
    parts: list[str], plan: CachePlan, cores: machine.Cores, folder: Path, subjects: list[Subject], console: Console
) -> Book:
    """All parts, one after the other; what fails is on record, and the next is tried."""
    book = Book()
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:3.0f}%"))
    bar = Progress(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=console, refresh_per_second=2)
    with Ends(cores, Plan(), folder) as ends, bar:
        task = bar.add_task("starting", total=steps(parts, plan))

        def tell(text: str, weight: float) -> None:
            bar.update(task, advance=weight)
            if text:
                bar.update(task, description=text)

        exact, semantic = Exact(ends, plan, book, tell), Semantic(ends, plan, book, tell)

        def rounds(one: Callable[[int], None]) -> None:
            for number in range(plan.rounds):
                one(number)

        work: dict[str, Callable[[], None]] = {
            "hits": lambda: rounds(lambda number: exact.hits(subjects, number)),
            "misses": lambda: rounds(exact.misses),
            "disk": lambda: exact.from_disk(cores),
            "semantic": lambda: semantic.all(cores),
            "semantic-misses": semantic.misses,
            "memory": lambda: memory.endless(folder / "endless", cores, plan, book, tell),
        }
        used: list[str] = []
        for part in parts:
            neighbours = machine.Neighbours()
            work[part]()
            book.write("others", others := neighbours.cores())
            used.append(f"{others:.2f} ({part})")
        book.notes["cores used by others"] = ", ".join(used)
        bar.update(task, completed=steps(parts, plan), description="measured")
    return book


def obtain(subjects: list[Subject], console: Console) -> list[Subject]:
    """Those that can be had; why the others cannot is said."""
    had = []
    for subject in subjects:
        try:
            with console.status(f"preparing {subject.name}"):
                subject.obtain(lambda text: console.print(text, highlight=False))
            had.append(subject)
        except Unavailable as error:
            console.print(f"[yellow]not measured[/] {subject.name}: {error}", highlight=False)
    return had


def show(console: Console, book: Book, plan: CachePlan) -> list[report.Verdict]:
    """The tables."""
    hits = ("hits of the exact cache", "Tailrace", "LiteLLM", "Tailrace / LiteLLM")
    console.print(table.table("Medians of the rounds, ± half the range", hits, table.hit_cells(book)))
    misses = ("misses, 1 connection", "with the cache", "without", "added")
    console.print(table.table("What a miss costs more", misses, table.miss_cells(book)))
    console.print(table.table("Stores and memory", ("figure", "measured"), table.store_cells(book)))
    lines = table.verdicts(book, plan.entries)
    console.print(report.verdict_table(lines))
    for title, text in book.notes.items():
        console.print(f"[bold]{title}[/]: {text}", highlight=False)
    for problem in book.problems:
        console.print(f"[red]wrong[/] {problem}", highlight=False, markup=True)
    disturbed = max(book.figures.get("others", [0.0]))
    if disturbed > DISTURBED_CORES:
        console.print(f"[yellow]beware[/]: others used up to {disturbed:.2f} cores: figures are not to be quoted")
    return lines


def main() -> int:
    """Measure and show."""
    chosen = arguments()
    ending.catch_signals()
    console = Console(width=None if sys.stdout.isatty() else 150)
    errors = Console(stderr=True)
    plan = replace(
        CachePlan(), rounds=chosen.rounds, seconds=chosen.seconds, entries=chosen.entries, in_all=chosen.requests
    )
    plan = plan.quick() if chosen.quick else plan
    cores = machine.choose_cores()
    machine.CACHE.mkdir(parents=True, exist_ok=True)
    if cores.load is not None:
        os.sched_setaffinity(0, {cores.load})
    subjects = obtain(hit_subjects(), errors)
    known = conditions(plan, cores, subjects)
    for title, value in known.items():
        console.print(f"[bold]{title}[/]: {value}", highlight=False)
    with tempfile.TemporaryDirectory(prefix="tailrace-bench-") as folder:
        book = everything(chosen.parts, plan, cores, Path(folder), subjects, errors)
    lines = show(console, book, plan)
    figures = {name: found.as_dict() for name in book.figures if (found := book.read(name))}
    print(orjson.dumps({"figures": figures, "notes": book.notes, "problems": book.problems}).decode())
    failed = bool(book.problems) or any(line.reached is not True for line in lines)
    return 1 if chosen.strict and failed else 0


if __name__ == "__main__":
    ending.run(main)
