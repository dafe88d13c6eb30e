"""`tailrace eval router OUTCOMES.jsonl …`."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import click
from rich.console import Console

from tailrace.cli.bar import bar
from tailrace.wire import jsonio
from tailrace_plugins.router.evaluate import plot
from tailrace_plugins.router.evaluate.given import told, vectors_of
from tailrace_plugins.router.evaluate.intervals import LEAST_RESAMPLES, intervals
from tailrace_plugins.router.evaluate.judge import judge
from tailrace_plugins.router.evaluate.metrics import Scored, oracle
from tailrace_plugins.router.evaluate.outcomes import Outcomes, Row, read_outcomes
from tailrace_plugins.router.evaluate.report import Report, line, shown
from tailrace_plugins.router.policy.estimate import USUAL_OUTPUT, input_tokens
from tailrace_plugins.router.scorer import Mode, Scorer, WeightsError

_SEED: Final = 7
_WIDTH: Final = 140
"""Of tables that go to no terminal."""

Prices = tuple[float, float]
"""US dollars per million tokens of the weak and the strong model."""


@click.command("router")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--mode",
    "--scorer",
    type=click.Choice(["learned", "rules"]),
    default="learned",
    show_default=True,
    help="The scorer to measure.",
)
@click.option("--no-embedding", is_flag=True, help="Score without the sentence embedding.")
@click.option(
    "--weights",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Weights of `tailrace router train` instead of the shipped ones.",
)
@click.option(
    "--plot",
    "picture",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Draw cost against quality into this PNG file.",
)
@click.option(
    "--bootstrap",
    "resamples",
    type=click.IntRange(0, 100_000),
    default=1_000,
    show_default=True,
    help="Resamples for the 95% intervals; 0 for none.",
)
@click.option(
    "--prices",
    nargs=2,
    type=click.FloatRange(min=0),
    metavar="WEAK STRONG",
    help="US dollars per million tokens of the two models, where the rows have no costs of their own.",
)
@click.option("--json", "only_json", is_flag=True, help="Print the JSON lines only.")
def command(
    files: Sequence[Path],
    mode: Mode,
    no_embedding: bool,
    weights: Path | None,
    picture: Path | None,
    resamples: int,
    prices: Prices | None,
    only_json: bool,
) -> None:
    """How good the routing is on questions whose outcomes are known.

    Each line of a file is {"prompt": …, "weak_correct": true|false, "strong_correct": true|false}; `messages`, a whole
    `request` or `turns` may stand for the prompt, `weak_scores` and `strong_scores` for the outcomes. Told are APGR and
    CPT as RouteLLM defines them, beside those of prompt length and of chance, what 90, 95 and 99% of the strong
    model's gain cost, and how long a decision takes. The last lines are one JSON object for each file.

    \b
    tailrace eval router outcomes.jsonl
    tailrace eval router mmlu.jsonl gsm8k.jsonl --mode rules --plot quality.png
    tailrace eval router own.jsonl --prices 0.24 24.7
    """
    read = [told(read_outcomes, file) for file in files]
    if picture is not None:
        _drawing(plot.require)
    scorer = _scorer(mode, weights)
    rows = [row for outcomes in read for row in outcomes.rows]
    found, note = vectors_of(rows, mode == "learned" and not no_embedding)
    console = Console(width=None if Console().is_terminal else _WIDTH)
    reports, panels = [], []
    for file, outcomes in zip(files, read, strict=True):
        taken, found = found[: len(outcomes.rows)], found[len(outcomes.rows) :]
        report, panel = _measured(str(file), outcomes, scorer, taken, mode, note, resamples, prices)
        reports.append(report)
        panels.append(panel)
        if not only_json:
            console.print(shown(report))
    if picture is not None:
        _drawing(lambda: plot.draw(panels, picture))
    for report in reports:
        click.echo(jsonio.dumps(line(report)))


def _scorer(mode: Mode, weights: Path | None) -> Scorer:
    try:
        return Scorer(mode, weights)
    except WeightsError as error:
        raise click.ClickException(str(error)) from None


def _measured(
    file: str,
    outcomes: Outcomes,
    scorer: Scorer,
    found: Sequence[bytes | None],
    mode: str,
    note: str,
    resamples: int,
    prices: Prices | None,
) -> tuple[Report, plot.Panel]:
    rows = outcomes.rows
    weak, strong = [row.weak for row in rows], [row.strong for row in rows]
    costs = _costs(rows, prices)
    with bar("scoring", len(rows)) as tell:
        judged = judge(rows, scorer, found, tell)
    router = Scored(judged.scores, weak, strong, costs)
    length = Scored([float(row.chars) for row in rows], weak, strong, costs)
    with bar("resampling", resamples if resamples >= LEAST_RESAMPLES else 0) as tell:
        spread = intervals(router, length, resamples, _SEED, tell)
    report = Report(
        file,
        len(rows),
        outcomes.contaminated,
        router.metrics(),
        length.metrics(),
        spread,
        judged.at_ms(0.5),
        judged.at_ms(0.99),
        name=f"router ({mode})",
        note=note,
    )
    best = Scored(oracle(weak, strong), weak, strong, costs).metrics()
    return report, plot.Panel(Path(file).name, report.router, report.length, best)


def _costs(rows: Sequence[Row], prices: Prices | None) -> list[tuple[float, float]] | None:
    """Dollars of each row: its own where all rows have them, else from prices and an estimate of its tokens."""
    own = [
        (row.weak_cost_usd, row.strong_cost_usd)
        for row in rows
        if row.weak_cost_usd is not None and row.strong_cost_usd is not None
    ]
    if len(own) == len(rows):
        return own
    if prices is None:
        return None
    tokens = [input_tokens(row.conversation, 0) + USUAL_OUTPUT for row in rows]
    return [(count * prices[0] / 1e6, count * prices[1] / 1e6) for count in tokens]


def _drawing(act: Callable[[], None]) -> None:
    try:
        act()
    except plot.CannotDraw as error:
        raise click.ClickException(str(error)) from None
