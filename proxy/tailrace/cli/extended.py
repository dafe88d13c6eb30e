"""Commands that plugins bring: entry points of the group `tailrace.commands`, loaded when they are called."""

from importlib.metadata import EntryPoint, entry_points
from typing import Any

import click

GROUP = "tailrace.commands"


class Extended(click.Group):
    """A group of commands that installed plugins add to: `eval.cache` is `cache` in the group made with `eval`.

    An entry point's value is a click command. Only names are read for `--help` of what stands above.
    """

    def __init__(self, *args: Any, prefix: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._prefix = prefix

    def _found(self) -> dict[str, EntryPoint]:
        start = f"{self._prefix}."
        return {e.name.removeprefix(start): e for e in entry_points(group=GROUP) if e.name.startswith(start)}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, those of plugins included."""
        return sorted({*super().list_commands(ctx), *self._found()})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, imported now; None if there is none."""
        given = super().get_command(ctx, cmd_name)
        entry = self._found().get(cmd_name)
        if given is not None or entry is None:
            return given
        command = entry.load()
        if not isinstance(command, click.Command):
            raise click.ClickException(f"{entry.value} is no click command")
        return command


@click.group("eval", cls=Extended, prefix="eval")
def evaluate() -> None:
    """Measure a plugin on data of yours, with the code that the proxy runs.

    \b
    tailrace eval cache PAIRS.jsonl
    """
