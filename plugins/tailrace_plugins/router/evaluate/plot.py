"""Cost against quality, drawn: one panel for each file."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from tailrace_plugins.router.evaluate.metrics import Metrics, Point

_MISSING: Final = "drawing needs matplotlib: pip install 'tailrace[plot]'"
_COLUMNS: Final = 3
_PANEL_INCHES: Final = (5.6, 4.6)


class CannotDraw(RuntimeError):
    """There is no picture; the text says why."""


@dataclass(frozen=True, slots=True)
class Panel:
    """What is drawn for one file: the router beside an oracle, and prompt length."""

    title: str
    router: Metrics
    length: Metrics
    oracle: Metrics


def require() -> None:
    """Raise `CannotDraw` where matplotlib is not installed."""
    _backend()


def draw(panels: Sequence[Panel], target: Path) -> None:
    """Write a PNG file: quality (mean outcome) over the share of strong calls, or over the cost in dollars per thousand
    requests where it is known, for the router, the oracle, prompt length and chance; CPT50 and CPT80 are marked.

    Raises `CannotDraw`, also where the file cannot be written.
    """
    figures, agg = _backend()
    columns = min(_COLUMNS, len(panels))
    rows = -(-len(panels) // columns)
    figure = figures.Figure(figsize=(_PANEL_INCHES[0] * columns, _PANEL_INCHES[1] * rows), layout="constrained")
    agg.FigureCanvasAgg(figure)
    grid = figure.subplots(rows, columns, squeeze=False)
    for at, axes in enumerate(grid.flat):
        if at < len(panels):
            _panel(axes, panels[at])
        else:
            axes.set_axis_off()
    try:
        figure.savefig(target, format="png", dpi=120)
    except OSError as error:
        raise CannotDraw(f"{target}: {error.strerror}") from None


def marks(metrics: Metrics) -> list[tuple[str, float, float]]:
    """Name, x and quality of what is marked on the router's curve: CPT50 and CPT80."""
    points = metrics.points
    weak, strong = points[0].quality, points[-1].quality
    found = []
    for name, percent, pgr in (("CPT50", metrics.cpt50, 0.5), ("CPT80", metrics.cpt80, 0.8)):
        if percent is not None:
            found.append((name, _x_at(points, percent / 100), weak + pgr * (strong - weak)))
    return found


def _panel(axes: Any, panel: Panel) -> None:
    points = panel.router.points
    ends = [points[0], points[-1]]
    axes.plot(*_line(panel.oracle.points), color="0.6", linestyle=":", label="oracle")
    axes.plot(*_line(panel.length.points), color="tab:orange", linewidth=1, label=f"prompt length{_told(panel.length)}")
    axes.plot(*_line(ends), color="0.6", linestyle="--", label="random (APGR 0.500)")
    axes.plot(*_line(points), color="tab:blue", marker=".", label=f"router{_told(panel.router)}")
    for name, end, side in (("weak", ends[0], "left"), ("strong", ends[1], "right")):
        axes.plot([_x(end)], [end.quality], "o", color="black")
        axes.annotate(name, (_x(end), end.quality), xytext=(0, -16), textcoords="offset points", ha=side)
    for name, x, quality in marks(panel.router):
        axes.plot([x], [quality], "D", color="tab:blue", markersize=6)
        axes.annotate(name, (x, quality), xytext=(-8, 8), textcoords="offset points", ha="right", color="tab:blue")
    axes.set_title(panel.title)
    in_dollars = points[0].usd is not None
    axes.set_xlabel(
        "cost (US dollars per 1,000 requests)" if in_dollars else "cost (% of requests to the strong model)"
    )
    axes.set_ylabel("quality (mean outcome)")
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right", fontsize="small")


def _line(points: Sequence[Point]) -> tuple[list[float], list[float]]:
    return [_x(point) for point in points], [point.quality for point in points]


def _x(point: Point) -> float:
    return 100 * point.share if point.usd is None else 1_000 * point.usd


def _x_at(points: Sequence[Point], share: float) -> float:
    for before, after in zip(points, points[1:], strict=False):
        if before.share <= share <= after.share:
            width = after.share - before.share
            part = (share - before.share) / width if width else 0.0
            return _x(before) + part * (_x(after) - _x(before))
    return _x(points[-1])


def _told(metrics: Metrics) -> str:
    return "" if metrics.apgr is None else f" (APGR {metrics.apgr:.3f})"


def _backend() -> tuple[Any, Any]:
    # Without pyplot: no window system is looked for, and nothing global is set.
    try:
        return import_module("matplotlib.figure"), import_module("matplotlib.backends.backend_agg")
    except ImportError:
        raise CannotDraw(_MISSING) from None
