"""`make bench`: Tailrace beside no proxy, nginx, plain aiohttp and LiteLLM's proxy. See `--help`."""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import pstats
import shutil
import sys
import time
from dataclasses import asdict
from pathlib import Path

import orjson
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.progress import TimeRemainingColumn as Remaining

sys.path.insert(0, str(Path(__file__).resolve().parent))

from benchkit import ending, machine, payload, report
from benchkit.load import Spec
from benchkit.rounds import FIRST_CHUNK_PACE_MS, Ends, Measured, Plan, Turn, measure, run_folder, turned
from benchkit.subjects import EMPTY_CHAIN, SUBJECTS, Subject, TailraceProfiled, Unavailable

DISTURBED_CORES = 0.1
NAMES = [subject.name for subject in SUBJECTS]


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    plan = Plan()
    parser.add_argument("--seconds", type=float, default=plan.seconds, help="each measurement (default %(default)s)")
    parser.add_argument("--rounds", type=int, default=plan.rounds, help="default %(default)s")
    parser.add_argument("--connections", type=int, default=plan.connections, help="default %(default)s")
    parser.add_argument("--streams", type=int, default=plan.streams, help="at a time, in bursts (default %(default)s)")
    parser.add_argument("--events", type=int, default=plan.events, help="in one stream (default %(default)s)")
    parser.add_argument("--burst", type=int, default=plan.burst, help="events per upstream write (default %(default)s)")
    parser.add_argument("--only", metavar="NAMES", help=f"comma-separated, of {','.join(NAMES)}")
    parser.add_argument("--quick", action="store_true", help="one round of one-second measurements: a smoke test")
    parser.add_argument("--strict", action="store_true", help="exit 1 when a target is missed or was not measured")
    parser.add_argument(
        "--profile", action="store_true", help="only run tailrace under cProfile and show where time goes"
    )
    chosen = parser.parse_args()
    chosen.names = chosen.only.split(",") if chosen.only else NAMES
    unknown = [name for name in chosen.names if name not in NAMES]
    if unknown:
        parser.error(f"unknown subject {', '.join(unknown)}; there are {', '.join(NAMES)}")
    if chosen.quick:
        chosen.seconds, chosen.rounds = 1.0, 1
    if (
        chosen.seconds <= 0
        or min(chosen.rounds, chosen.connections, chosen.streams, chosen.burst) < 1
        or chosen.events < 3
    ):
        parser.error("seconds, rounds, connections, streams and burst must be positive, events at least 3")
    return chosen


def conditions(plan: Plan, cores: machine.Cores, subjects: list[Subject]) -> dict[str, object]:
    """What the figures depend on."""
    pinned = (
        "not pinned" if cores.subject is None else f"subject on core {cores.subject}, both ends on core {cores.load}"
    )
    size = len(payload.stream_events(plan.events)[1])
    versions: dict[str, str | None] = {
        subject.name: subject.version for subject in subjects if subject.version and not subject.traced
    }
    versions |= {name: machine.version(name) for name in ("aiohttp", "uvloop", "orjson")}
    out: dict[str, object] = {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": f"{machine.cpu_model()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}",
        "placement": pinned + "; one process per subject",
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
        "versions": ", ".join(f"{name} {found}" for name, found in sorted(versions.items())),
        "payload": f"{payload.REQUEST_BYTES} B request with openai-python's headers, {payload.ANSWER_BYTES} B answer; "
        "every request differs, every answer is compared"
        " (byte for byte; LiteLLM, which rewrites answers: by its text)",
        "load": f"{plan.connections} keep-alive connections (and 1), closed loop, {plan.seconds:g} s after warm-up, "
        f"{plan.rounds} rounds with the subjects taking turns",
        "bursts": f"{plan.streams} streams at a time, each of {plan.events} events of {size} B, each event in an "
        f"HTTP chunk of its own, unpaced, {plan.burst} per upstream write",
        "first chunk": f"1 connection, one event per {FIRST_CHUNK_PACE_MS} ms, the first at once",
        "1-minute load before": machine.load_average(),
    }
    if cores.remark:
        out["beware"] = cores.remark
    return out


def progress_bar(console: Console) -> Progress:
    """Seldom refreshed: it shares a core with the ends."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:3.0f}%"))
    return Progress(*columns, TimeElapsedColumn(), Remaining(), console=console, refresh_per_second=2)


def obtain(subjects: list[Subject], console: Console) -> tuple[list[Subject], dict[str, str]]:
    """Those that can be had, and why the others cannot."""
    had: list[Subject] = []
    missing: dict[str, str] = {}
    columns = (SpinnerColumn(), TextColumn("{task.description}"), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, refresh_per_second=4) as bar:
        task = bar.add_task("preparing", total=len(subjects))
        for subject in subjects:

            def say(text: str) -> None:
                bar.update(task, description=text)
                if not console.is_terminal:
                    console.print(text)

            try:
                subject.obtain(say)
                had.append(subject)
            except Unavailable as error:
                missing[subject.name] = str(error)
            bar.advance(task)
    return had, missing


def all_rounds(subjects: list[Subject], plan: Plan, cores: machine.Cores, console: Console) -> list[list[Measured]]:
    """Every round."""
    rounds: list[list[Measured]] = []
    folder = run_folder()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with Ends(cores, plan, folder) as ends, progress_bar(console) as bar:
        total = sum(weight for subject in subjects for _, _, weight in Turn(subject, ends, plan).steps()) * plan.rounds
        task = bar.add_task("starting", total=total)
        for number in range(plan.rounds):
            turns: list[Measured] = []
            rounds.append(turns)
            for subject in turned(subjects, number):

                def tell(step: str, weight: float, label: str = f"round {number + 1} {subject.name}") -> None:
                    bar.update(task, description=f"{label}: {step}", advance=weight)

                turns.append(measure(subject, ends, plan, tell))
    return rounds


def profile(plan: Plan, cores: machine.Cores, console: Console) -> int:
    """Tailrace under cProfile."""
    subject = TailraceProfiled()
    try:
        subject.obtain(lambda _: None)
    except Unavailable as error:
        console.print(f"[red]{error}[/]")
        return 1
    with Ends(cores, plan, run_folder()) as ends, progress_bar(console) as bar:
        task = bar.add_task("tailrace under cProfile", total=3)
        try:
            subject.start(ends.place(subject.name))
            bar.advance(task)
            plain = ends.load(Spec(subject.port, plan.seconds, plan.connections))
            bar.advance(task)
            streams = ends.load(Spec(subject.port, plan.seconds, plan.streams, plan.events))
        finally:
            child = subject.child
            subject.stop()
        bar.advance(task)
    console.print(f"{plain.completed} requests, {streams.completed} streams; errors: {plain.errors + streams.errors}")
    if not subject.output.exists():
        console.print(f"[red]no profile was written[/]: {child.tail() if child else ''}")
        return 1
    pstats.Stats(str(subject.output)).strip_dirs().sort_stats("tottime").print_stats(40)
    print(orjson.dumps({"profile": str(subject.output)}).decode())
    return 0


def main() -> int:
    """Measure, show, write .cache/bench/latest.json and latest.md."""
    chosen = arguments()
    # Whatever ends us, the subjects are stopped by the same `finally`s.
    ending.catch_signals()
    width = None if sys.stdout.isatty() else 190
    console = Console(width=width)
    errors = Console(stderr=True)
    plan = Plan(chosen.seconds, chosen.rounds, chosen.connections, chosen.streams, chosen.events, chosen.burst)
    cores = machine.choose_cores()
    machine.CACHE.mkdir(parents=True, exist_ok=True)
    if cores.load is not None:
        os.sched_setaffinity(0, {cores.load})
    if chosen.profile:
        return profile(plan, cores, console)
    subjects, missing = obtain([subject() for subject in SUBJECTS if subject.name in chosen.names], errors)
    known = conditions(plan, cores, subjects)
    for title, value in known.items():
        console.print(f"[bold]{title}[/]: {value}", highlight=False)
    began = time.monotonic()
    rounds = all_rounds(subjects, plan, cores, errors) if subjects else []
    known["other processes"] = f"used up to {report.disturbance(rounds):.2f} cores during a turn"
    disturbed = report.disturbance(rounds) > DISTURBED_CORES
    if disturbed:
        known["beware of neighbours"] = "others were working on this machine: rates and latencies are not to be quoted"
    figures = report.medians(rounds)
    for subject in subjects:
        if subject.remark:
            logged = figures[subject.name].get("log_lines")
            lines_said = f"{logged.median:.2g}" if logged else "unknown"
            known[f"{subject.name} ran with"] = f"chain: {subject.remark}; log lines per request: {lines_said}"
    ratio = report.ratios(rounds)
    lines = report.verdicts(figures, ratio, chained=all(subject.remark != EMPTY_CHAIN for subject in subjects))
    wrong = report.problems(rounds)
    titles = {subject.name: f"{subject.title} {subject.version or ''}".strip() for subject in subjects}
    cells = report.rows(figures, titles)
    summary = {
        "conditions": known,
        "seconds_total": round(time.monotonic() - began, 1),
        "subjects": {name: {key: value.median for key, value in row.items()} for name, row in figures.items()},
        "ratios": {name: value.as_dict() for name, value in ratio.items()},
        "targets": [asdict(line) for line in lines],
        "problems": wrong,
        "missing": missing,
    }
    whole = summary | {
        "plan": asdict(plan),
        "subjects": {name: {key: value.as_dict() for key, value in row.items()} for name, row in figures.items()},
        "rounds": [[asdict(turn) for turn in turns] for turns in rounds],
    }
    (machine.CACHE / "latest.json").write_bytes(orjson.dumps(whole, option=orjson.OPT_INDENT_2))
    (machine.CACHE / "latest.md").write_text(report.markdown(cells, lines, known))
    console.print(report.figure_table(cells))
    console.print(report.ratio_table(ratio))
    console.print(report.verdict_table(lines))
    for subject in subjects:
        if subject.remark:
            console.print(f"{subject.name} ran with {known[f'{subject.name} ran with']}", highlight=False)
    if disturbed:
        console.print(f"[yellow]beware[/]: other processes {known['other processes']}", highlight=False)
    for problem in wrong:
        console.print(f"[red]wrong[/] {problem}", highlight=False)
    for subject_name, why in missing.items():
        console.print(f"[yellow]not measured[/] {subject_name}: {why}", highlight=False)
    console.print(f"written: {machine.CACHE / 'latest.json'} and latest.md", highlight=False)
    print(orjson.dumps(summary).decode())
    failed = bool(wrong) or any(line.reached is not True for line in lines)
    return 1 if chosen.strict and failed else 0


if __name__ == "__main__":
    ending.run(main)
