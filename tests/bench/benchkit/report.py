"""From figures to medians, ratios within rounds, verdicts and tables. Pure: no processes, no clocks, no files."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from rich.table import Table

from benchkit.rounds import Measured, Row

LOAD_BOUND = 0.85
Rounds = Sequence[Sequence[Measured]]


@dataclass(frozen=True)
class Figure:
    """A median over the rounds and how far apart they lay."""

    median: float
    low: float
    high: float
    count: int

    @property
    def spread(self) -> float:
        """Half the range, as a share of the median."""
        return (self.high - self.low) / 2 / abs(self.median) if self.median else 0.0

    def as_dict(self) -> dict[str, float]:
        return {"median": round(self.median, 4), "low": round(self.low, 4), "high": round(self.high, 4)}


def figure(values: Sequence[float | None]) -> Figure | None:
    """The figure of some rounds; None when there is nothing."""
    known = [value for value in values if value is not None]
    return Figure(statistics.median(known), min(known), max(known), len(known)) if known else None


def medians(rounds: Rounds) -> dict[str, dict[str, Figure]]:
    """Per subject and figure. A turn with problems counts for nothing: a wrong answer has no speed."""
    rows: dict[str, list[Row]] = {}
    for turns in rounds:
        for turn in turns:
            rows.setdefault(turn.subject, [])
            if not turn.problems:
                rows[turn.subject].append(turn.figures)
    out: dict[str, dict[str, Figure]] = {}
    for subject, figures in rows.items():
        names = {name for row in figures for name in row}
        found = {name: figure([row.get(name) for row in figures]) for name in names}
        out[subject] = {name: value for name, value in found.items() if value is not None}
    return out


def problems(rounds: Rounds) -> list[str]:
    """Everything that went wrong."""
    return [
        f"round {number}, {turn.subject}: {problem}"
        for number, turns in enumerate(rounds, 1)
        for turn in turns
        for problem in turn.problems
    ]


def disturbance(rounds: Rounds) -> float:
    """The most cores that other processes used during a turn."""
    return max((turn.figures.get("others_cores") or 0.0 for turns in rounds for turn in turns), default=0.0)


Combine = Callable[[float, float], float]


def within(rounds: Rounds, first: str, second: str, name: str, combine: Combine) -> Figure | None:
    """Two subjects' figure combined in each round in which both are sound, then the median."""
    values: list[float | None] = []
    for turns in rounds:
        sound = {turn.subject: turn.figures for turn in turns if not turn.problems}
        left = sound.get(first, {}).get(name)
        right = sound.get(second, {}).get(name)
        if left is not None and right:
            values.append(combine(left, right))
    return figure(values)


def quotient(left: float, right: float) -> float:
    return left / right


def difference(left: float, right: float) -> float:
    return left - right


RATIOS: tuple[tuple[str, str, str, str, Combine], ...] = (
    ("CPU per request, tailrace / nginx", "tailrace", "nginx", "cpu_us", quotient),
    ("CPU per request, tailrace / aiohttp", "tailrace", "aiohttp", "cpu_us", quotient),
    ("CPU per request, litellm / tailrace", "litellm", "tailrace", "cpu_us", quotient),
    ("CPU per request, tailrace-traced / tailrace", "tailrace-traced", "tailrace", "cpu_us", quotient),
    ("CPU per request, aiohttp / nginx", "aiohttp", "nginx", "cpu_us", quotient),
    ("requests/s, tailrace / litellm", "tailrace", "litellm", "per_s", quotient),
    ("requests/s, tailrace / aiohttp", "tailrace", "aiohttp", "per_s", quotient),
    ("requests/s, aiohttp / litellm", "aiohttp", "litellm", "per_s", quotient),
    ("burst events/s, tailrace / nginx", "tailrace", "nginx", "events_per_s", quotient),
    ("burst events/s, tailrace / aiohttp", "tailrace", "aiohttp", "events_per_s", quotient),
    ("burst events/s, tailrace / litellm", "tailrace", "litellm", "events_per_s", quotient),
    ("first chunk ms, tailrace - nginx", "tailrace", "nginx", "first_p50_ms", difference),
    ("first chunk ms, tailrace-traced - nginx", "tailrace-traced", "nginx", "first_p50_ms", difference),
    ("first chunk ms, aiohttp - nginx", "aiohttp", "nginx", "first_p50_ms", difference),
    ("first chunk ms, litellm - nginx", "litellm", "nginx", "first_p50_ms", difference),
    ("first chunk ms, nginx - direct", "nginx", "direct", "first_p50_ms", difference),
)


def ratios(rounds: Rounds) -> dict[str, Figure]:
    """Those that can be computed."""
    found = {title: within(rounds, *rest) for title, *rest in RATIOS}  # type: ignore[arg-type]
    return {title: value for title, value in found.items() if value is not None}


@dataclass(frozen=True)
class Verdict:
    """One target: what was asked, what came out; `reached` is None when it was not measured."""

    target: str
    asked: str
    measured: str
    reached: bool | None


def void(verdict: Verdict, why: str) -> Verdict:
    """The same without the merit: the condition under which the target was set did not hold."""
    return replace(verdict, measured=f"{verdict.measured}, but {why}", reached=False) if verdict.reached else verdict


def verdicts(figures: dict[str, dict[str, Figure]], ratio: dict[str, Figure], *, chained: bool = True) -> list[Verdict]:
    """The issue's targets; `chained` is whether Tailrace ran with a chain, as the first ones demand."""
    ours = figures.get("tailrace", {})
    traced = figures.get("tailrace-traced", {})
    share = traced.get("exported_share")
    out = [
        at_most("CPU per request, chain + metrics + sampled-out traces", 160, "us", ours.get("cpu_us")),
        at_least("throughput against LiteLLM", 40, "x", ratio.get("requests/s, tailrace / litellm")),
        at_most("CPU per request, fully traced and exported", 350, "us", traced.get("cpu_us")),
        at_least("streamed events in bursts", 100_000, "events/s", ours.get("events_per_s")),
        at_most(
            "first chunk later than nginx", 1.0, "ms", ratio.get("first chunk ms, tailrace - nginx"), strictly=True
        ),
        at_most("RSS after load, no extras", 90, "MB", ours.get("rss_mb"), strictly=True),
    ]
    # Rounded down: 99.996% is not all of them.
    said = f"{math.floor(share.low * 10_000) / 100:g}%" if share else "not measured"
    exported = Verdict("requests whose trace reached the collector", "100%", said, share.low >= 1 if share else None)
    if not chained:
        out[:3] = [void(line, "with an empty chain") for line in out[:3]]
    if not exported.reached:
        out[2] = void(out[2], "not all were exported")
    return [*out[:3], exported, *out[3:]]


def at_most(target: str, limit: float, unit: str, value: Figure | None, *, strictly: bool = False) -> Verdict:
    """A ceiling."""
    asked = f"{'<' if strictly else '<='} {limit:,g} {unit}"
    if value is None:
        return Verdict(target, asked, "not measured", None)
    reached = value.median < limit or (value.median == limit and not strictly)
    return Verdict(target, asked, f"{number(value.median)} {unit}", reached)


def at_least(target: str, limit: float, unit: str, value: Figure | None) -> Verdict:
    """A floor."""
    asked = f">= {limit:,g} {unit}"
    if value is None:
        return Verdict(target, asked, "not measured", None)
    return Verdict(target, asked, f"{number(value.median)} {unit}", value.median >= limit)


def number(value: float) -> str:
    """Three significant digits, without an exponent."""
    if abs(value) >= 1000:
        step = 10 ** (len(str(int(abs(value)))) - 3)
        return f"{round(value / step) * step:,.0f}"
    return f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"


def shown(value: Figure | None) -> str:
    """A figure with its spread."""
    if value is None:
        return "-"
    return number(value.median) + (f" ±{value.spread:.0%}" if value.count > 1 else "")


def pair(figures: dict[str, Figure], first: str, second: str) -> str:
    """p50 / p99."""
    left, right = figures.get(first), figures.get(second)
    return f"{number(left.median)} / {number(right.median)}" if left and right else "-"


HEADINGS = (
    "subject",
    "CPU us/request",
    "requests/s",
    "requests/s/core",
    "p50/p99 ms",
    "1 conn p50/p99 ms",
    "burst events/s",
    "CPU us/event",
    "first chunk p50 ms",
    "RSS MB",
    "start s",
)


def rows(figures: dict[str, dict[str, Figure]], titles: dict[str, str]) -> list[list[str]]:
    """The table's cells. `*` marks a rate that the ends and not the subject limit."""
    out = []
    for name, title in titles.items():
        row = figures.get(name, {})
        busy = row.get("busy")
        bound = " *" if name == "direct" or (busy is not None and busy.median < LOAD_BOUND) else ""
        rate = shown(row.get("per_s"))
        per_core, burst = row.get("per_s_core"), row.get("events_per_s")
        burst_core = row.get("events_per_s_core")
        burst_bound = name == "direct" or (burst and burst_core and burst.median < LOAD_BOUND * burst_core.median)
        out.append(
            [
                title,
                shown(row.get("cpu_us")),
                rate + (bound if rate != "-" else ""),
                number(per_core.median) if per_core else "-",
                pair(row, "p50_ms", "p99_ms"),
                pair(row, "p50_one_ms", "p99_one_ms"),
                shown(burst) + (" *" if burst and burst_bound else ""),
                shown(row.get("cpu_event_us")),
                shown(row.get("first_p50_ms")),
                shown(row.get("rss_mb")),
                shown(row.get("start_s")),
            ]
        )
    return out


def figure_table(cells: list[list[str]]) -> Table:
    """The main table."""
    table = Table(title="Speed: medians of the rounds, ± half the range", title_justify="left")
    for at, heading in enumerate(HEADINGS):
        table.add_column(heading, justify="left" if not at else "right")
    for row in cells:
        table.add_row(*row)
    table.caption = "* limited by the load core (upstream and client), not by the subject"
    table.caption_justify = "left"
    return table


def ratio_table(ratio: dict[str, Figure]) -> Table:
    """The ratios."""
    table = Table(title="Within one round", title_justify="left")
    table.add_column("ratio or difference")
    for heading in ("median", "lowest", "highest"):
        table.add_column(heading, justify="right")
    for title, value in ratio.items():
        table.add_row(title, number(value.median), number(value.low), number(value.high))
    return table


def verdict_table(lines: Sequence[Verdict]) -> Table:
    """Asked, measured, reached."""
    table = Table(title="Targets", title_justify="left")
    for heading in ("target", "asked", "measured", "reached"):
        table.add_column(heading)
    for line in lines:
        said = "-" if line.reached is None else "[green]yes[/]" if line.reached else "[red]no[/]"
        table.add_row(line.target, line.asked, line.measured, said)
    return table


def markdown(cells: list[list[str]], lines: Sequence[Verdict], conditions: dict[str, object]) -> str:
    """The same for the README."""
    out = [f"| {' | '.join(HEADINGS)} |", "|---" + "|---:" * (len(HEADINGS) - 1) + "|"]
    out += [f"| {' | '.join(row)} |" for row in cells]
    out += ["", "| target | asked | measured | reached |", "|---|---|---|---|"]
    for line in lines:
        said = "-" if line.reached is None else "yes" if line.reached else "no"
        out.append(f"| {line.target} | {line.asked} | {line.measured} | {said} |")
    out += ["", *(f"- {name}: {value}" for name, value in conditions.items())]
    return "\n".join(out) + "\n"
