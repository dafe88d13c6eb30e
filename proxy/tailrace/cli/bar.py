"""A progress bar for commands that take longer than two seconds."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

_AFTER_S: Final = 2.0
_EACH_S: Final = 0.25


@contextmanager
def bar(what: str, total: int) -> Iterator[Callable[[], None]]:
    """Gives what moves the bar one step on. It is shown on standard error where that is a terminal, from the first step
    on that ends two seconds after the beginning, and gone at the end.

    It is drawn in between steps and by no thread of its own, so that what is timed in a step is not disturbed.
    """
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    progress = Progress(*columns, console=console, transient=True, auto_refresh=False)
    task = progress.add_task(what, total=total)
    done, due = 0, time.monotonic() + _AFTER_S

    def tell() -> None:
        nonlocal done, due
        done += 1
        if (now := time.monotonic()) >= due and console.is_terminal:
            due = now + _EACH_S
            progress.start()
            progress.update(task, completed=done, refresh=True)

    try:
        yield tell
    finally:
        # One that was never drawn would print a line end.
        if progress.live.is_started:
            progress.stop()
