"""What `tailrace eval router` says about a file: a table for people, one line for programs."""

from dataclasses import dataclass
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from tailrace_plugins.router.evaluate.intervals import Intervals, Range
from tailrace_plugins.router.evaluate.metrics import QUALITIES, Cost, Metrics

RANDOM: Final = Metrics((), 0.5, 50.0, 80.0, tuple(Cost(quality, quality) for quality in QUALITIES))
"""What chance gives in the long run: every share of strong calls recovers as much of the gap."""


@dataclass(frozen=True, slots=True)
class Report:
    """The figures of one file; `length` are those of prompt length on the same rows."""

    file: str
    rows: int
    contaminated: int
    router: Metrics
    length: Metrics
    intervals: Intervals | None
    p50_ms: float
    p99_ms: float
    name: str = "router"
    note: str = ""


def line(report: Report) -> dict[str, Any]:
    """The last line about a file."""
    router = report.router
    return {
        "file": report.file,
        "n": report.rows,
        "cpt50": _rounded(router.cpt50, 2),
        "cpt80": _rounded(router.cpt80, 2),
        "apgr": _rounded(router.apgr, 4),
        "p50_ms": round(report.p50_ms, 3),
        "p99_ms": round(report.p99_ms, 3),
    }


def shown(report: Report) -> RenderableType:
    """The router, and prompt length and chance beside it."""
    # As Text: names of files and of extras may have brackets, which are markup otherwise.
    return Group(Text(_title(report), style="italic"), _table(report), Text(_caption(report), style="dim"), Text())


def _table(report: Report) -> Table:
    made = Table("")
    for name in ("APGR", "CPT50 %", "CPT80 %", *(f"strong % for {quality:.0%}" for quality in QUALITIES)):
        made.add_column(name, justify="right")
    made.add_row(report.name, *_figures(report.router))
    if (spread := report.intervals) is not None:
        ranges = (_range(spread.apgr, ".3f"), _range(spread.cpt50, ".1f"), _range(spread.cpt80, ".1f"))
        made.add_row("  95% of resamples", *ranges)
    if any(cost.usd is not None for cost in report.router.costs):
        made.add_row("  $ per 1,000 (of all strong)", "", "", "", *(_dollars(cost) for cost in report.router.costs))
    made.add_row("prompt length", *_figures(report.length))
    made.add_row("random", *_figures(RANDOM))
    return made


def _figures(metrics: Metrics) -> list[str]:
    costs = metrics.costs or tuple(Cost(quality, None) for quality in QUALITIES)
    return [
        _shown(metrics.apgr, ".3f"),
        _shown(metrics.cpt50, ".1f"),
        _shown(metrics.cpt80, ".1f"),
        *(_shown(None if cost.share is None else 100 * cost.share, ".1f") for cost in costs),
    ]


def _title(report: Report) -> str:
    points = report.router.points
    dropped = f", {report.contaminated} contaminated dropped" if report.contaminated else ""
    return (
        f"{report.file}: {report.rows:,} rows{dropped}, "
        f"weak {points[0].quality:.4g}, strong {points[-1].quality:.4g} on average"
    )


def _caption(report: Report) -> str:
    told = [f"decision p50 {report.p50_ms:.3f} ms, p99 {report.p99_ms:.3f} ms"]
    if report.router.apgr is None:
        told.append("the strong model is not better here: there is no gap to recover")
    elif report.length.apgr is not None:
        over = f"APGR over prompt length {report.router.apgr - report.length.apgr:+.3f}"
        told.append(
            over if report.intervals is None else f"{over} (95%: {_range(report.intervals.over_other, '+.3f')})"
        )
    if report.note:
        told.append(report.note)
    return "\n".join(told)


def _dollars(cost: Cost) -> str:
    if cost.usd is None:
        return "-"
    share = "" if cost.of_strong is None else f" ({cost.of_strong:.0%})"
    return f"{1_000 * cost.usd:.4g}{share}"


def _range(spread: Range, form: str) -> str:
    return f"{spread[0]:{form}} … {spread[1]:{form}}"


def _shown(value: float | None, form: str) -> str:
    return "-" if value is None else f"{value:{form}}"


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)
