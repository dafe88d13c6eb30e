"""`tailrace router train OUTCOMES.jsonl …`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tailrace.cli.bar import bar
from tailrace.wire import jsonio
from tailrace_plugins.router.evaluate import embedding
from tailrace_plugins.router.evaluate.given import told
from tailrace_plugins.router.evaluate.outcomes import read_lines
from tailrace_plugins.router.scorer import WeightsError
from tailrace_plugins.router.scorer.heads import EMBEDDING_SIZE, unpacked


@click.command("train")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--out",
    required=True,
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    help="The weights file to write, for `weights:` of the router.",
)
@click.option("--seed", default=7, show_default=True, help="The same rows and seed give the same weights.")
@click.option("--no-embedding", is_flag=True, help="Learn from features only.")
def command(files: Sequence[Path], out: Path, seed: int, no_embedding: bool) -> None:
    """Learn the router's weights from questions whose outcomes are known.

    The files are those of `tailrace eval router`. Printed is what the weights are worth on rows that were left out of
    the learning, by cross-validation, for each file (or `source` of the rows). Measure them on rows that you kept back
    with `tailrace eval router KEPT.jsonl --weights FILE`.

    \b
    tailrace router train outcomes.jsonl --out weights.json
    """
    try:
        # Needs numpy and scikit-learn, which nothing else in the router does.
        from tailrace_plugins.router.scorer.train import train
    except ImportError:
        raise click.ClickException("training needs pip install 'tailrace[semantic]'") from None
    rows = [row for file in files for row in told(read_lines, file)]
    is_embedding = not no_embedding and embedding.is_installed()
    try:
        weights = train(rows, seed=seed, embed=_vectors if is_embedding else None)
    except WeightsError as error:
        raise click.ClickException(str(error)) from None
    except embedding.NotReady as error:
        raise click.ClickException(f"{error} (--no-embedding learns without)") from None
    try:
        out.write_bytes(jsonio.dumps(weights) + b"\n")
    except OSError as error:
        raise click.ClickException(f"{out}: {error.strerror}") from None
    Console().print(_table(weights))
    click.echo(f"written: {out}")


def _vectors(texts: Sequence[str]) -> list[Sequence[float]]:
    """A vector of zeros, which weighs nothing, for a text that the embedder refuses."""
    nothing = [0.0] * EMBEDDING_SIZE
    with bar("embedding", len(texts)) as tell:
        return [unpacked(vector) or nothing for vector in embedding.embed(texts, tell)]


def _table(weights: Mapping[str, Any]) -> Table:
    statement = weights.get("statement", {})
    table = Table("rows left out of the learning", "scored by")
    for name in ("rows", "APGR", "95%"):
        table.add_column(name, justify="right")
    for mode, sources in statement.get("apgr", {}).items():
        for source, figures in sources.items():
            low, high = figures["interval"]
            table.add_row(
                Text(source), mode, f"{figures['rows']:,}", f"{figures['apgr']:.3f}", f"{low:.3f} … {high:.3f}"
            )
    return table
