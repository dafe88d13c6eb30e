"""What both commands are given: the files' rows, and the vectors of their questions."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import click

from tailrace.cli.bar import bar
from tailrace_plugins.router.evaluate import embedding
from tailrace_plugins.router.evaluate.judge import question
from tailrace_plugins.router.evaluate.outcomes import BadOutcomes, Row

T = TypeVar("T")


def told(read: Callable[[Path], T], file: Path) -> T:
    """What `read` makes of a file, or the file's mistake on standard error."""
    try:
        return read(file)
    except BadOutcomes as error:
        raise click.ClickException(str(error)) from None
    except OSError as error:
        raise click.ClickException(f"{error.filename}: {error.strerror}") from None


def vectors_of(rows: Sequence[Row], wanted: bool) -> tuple[list[bytes | None], str]:
    """The vectors of the questions in the order of the rows, and what to say about them. None for each where they are
    not wanted, or cannot be had.
    """
    nothing: list[bytes | None] = [None] * len(rows)
    if not wanted:
        return nothing, "without embeddings"
    if not embedding.is_installed():
        return nothing, "without embeddings: they need pip install 'tailrace[semantic]'"
    with bar("embedding", len(rows)) as tell:
        try:
            found = embedding.embed([question(row.conversation) for row in rows], tell)
        except embedding.NotReady as error:
            return nothing, f"without embeddings: {error}"
    lacking = found.count(None)
    return found, "with embeddings" + (f" ({lacking:,} questions have none, as in the proxy)" if lacking else "")
