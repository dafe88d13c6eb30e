"""A progress bar for what takes longer than a moment."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

_EACH_S: Final = 0.25


@contextmanager
def bar(what: str, total: int) -> Iterator[Callable[[], None]]:
    """Shows a bar on standard error while the block runs; gives what moves it one step on. None for a total of 0, nor
    where standard error is no terminal.

    It is drawn in between steps and by no thread of its own, so that what is timed in a step is not disturbed.
    """
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    hidden = not total or not console.is_terminal
    with Progress(*columns, console=console, transient=True, auto_refresh=False, disable=hidden) as progress:
        task = progress.add_task(what, total=total)
        done, drawn = 0, time.monotonic()

        def tell() -> None:
            nonlocal done, drawn
            done += 1
            if (now := time.monotonic()) - drawn >= _EACH_S:
                drawn = now
                progress.update(task, completed=done, refresh=True)

        yield tell
