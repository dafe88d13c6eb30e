"""`tailrace eval cache PAIRS.jsonl …`."""

import asyncio
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from tailrace.cli.common import config_option, load_or_exit
from tailrace.wire import jsonio
from tailrace_plugins.semantic_cache.evaluate.pairs import BadPairs, Pair, Result, by_kind, read_pairs, summary


@click.command("cache")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@config_option
@click.option("--max-false-hit-rate", type=click.FloatRange(0, 0.2), help="Instead of the configured one (0.01).")
@click.option("--wrong", default=0, show_default=True, help="Show so many of the pairs that were decided wrongly.")
def command(files: Sequence[Path], path: str | None, max_false_hit_rate: float | None, wrong: int) -> None:
    """How often the semantic cache is right on your own pairs of questions.

    Each line of a file is {"a": …, "b": …, "should_hit": true|false, "kind": …}: may `b` be answered with the answer to
    `a`? Every pair goes through the plugin as it runs in the proxy, with the settings of the configuration. The last
    line of the output is one JSON object.

    \b
    tailrace eval cache pairs.jsonl
    tailrace eval cache support.jsonl code.jsonl --max-false-hit-rate 0.03 --wrong 20
    """
    try:
        pairs = [pair for file in files for pair in read_pairs(file)]
    except BadPairs as error:
        raise click.ClickException(str(error)) from None
    except OSError as error:
        raise click.ClickException(f"{error.filename}: {error.strerror}") from None
    config = load_or_exit(path).config
    settings = _settings(config.preset, config.plugins)
    if max_false_hit_rate is not None:
        settings["max_false_hit_rate"] = max_false_hit_rate
    results = asyncio.run(_run(pairs, settings, config.embedder))
    console = Console()
    console.print(_table(results))
    if wrong:
        _show_wrong(results, wrong, console)
    click.echo(jsonio.dumps(summary(results)))


def _settings(preset: Any, plugins: Any) -> dict[str, Any]:
    """The plugin's settings in force, or the defaults where it is not in the chain; nothing is sampled or judged."""
    from tailrace.config.presets import chain_of

    found = [entry["semantic_cache"] for entry in chain_of(preset, plugins) if "semantic_cache" in entry]
    return {**((found[0] or {}) if found else {}), "shadow_share": 0.0, "judge_model": None}


async def _run(pairs: Sequence[Pair], settings: dict[str, Any], embedder: Any) -> list[Result]:
    from tailrace_plugins.semantic_cache.evaluate.trial import NotReady, started, try_all

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with tempfile.TemporaryDirectory() as folder, Progress(*columns, console=Console(stderr=True)) as progress:
        bar = progress.add_task("loading the model", total=2 * len(pairs))
        try:
            async with started(settings, embedder, Path(folder)) as (plugin, tasks):
                progress.update(bar, description="asking")
                return await try_all(pairs, plugin, tasks, lambda: progress.advance(bar))
        except NotReady as error:
            raise click.ClickException(f"the embedder is not ready: {error}") from None


def _table(results: Sequence[Result]) -> Table:
    table = Table("kind", title="pairs by kind")
    for name in ("pairs", "should hit", "right hits", "recall", "should miss", "false hits", "rate"):
        table.add_column(name, justify="right")
    for kind, rows in by_kind(results).items():
        told = summary(rows)
        table.add_row(
            kind or "-",
            str(told["pairs"]),
            str(told["should_hit"]),
            str(told["hits"] - told["false_hits"]),
            _shown(told["recall"]),
            str(told["pairs"] - told["should_hit"]),
            str(told["false_hits"]),
            _shown(told["false_hit_rate"]),
        )
    return table


def _shown(rate: float | None) -> str:
    return "-" if rate is None else f"{rate:.1%}"


def _show_wrong(results: Sequence[Result], most: int, console: Console) -> None:
    shown = [result for result in results if result.hit != result.pair.should_hit]
    # False hits first: they are the ones that hurt.
    for result in sorted(shown, key=lambda result: result.pair.should_hit)[:most]:
        what = "false hit" if result.hit else "missed"
        similarity = "-" if result.similarity is None else f"{result.similarity:.3f}"
        console.print(f"{what}  {result.pair.kind}  {similarity}  {result.reason}", style="yellow", markup=False)
        console.print(f"    a: {result.pair.a}\n    b: {result.pair.b}", markup=False, highlight=False)
