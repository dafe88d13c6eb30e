"""Commands that plugins bring: entry points of the group `tailrace.commands`, loaded when they are called."""

from importlib.metadata import EntryPoint, entry_points
from typing import Any

import click

GROUP = "tailrace.commands"


class Extended(click.Group):
    """A group of commands that installed plugins add to: `eval.cache` is `cache` in the group made with `eval`.

    An entry point's value is a click command. A name of which only the first part is known here, as `router.train` on
    the top level, makes a group of that part. Only names are read for `--help` of what stands above.
    """

    def __init__(self, *args: Any, prefix: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._prefix = f"{prefix}." if prefix else ""

    def _found(self) -> dict[str, EntryPoint]:
        names = entry_points(group=GROUP)
        return {e.name.removeprefix(self._prefix): e for e in names if e.name.startswith(self._prefix)}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, those of plugins included."""
        return sorted({*super().list_commands(ctx), *(name.partition(".")[0] for name in self._found())})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, imported now; None if there is none."""
        given = super().get_command(ctx, cmd_name)
        if given is not None:
            return given
        found = self._found()
        if cmd_name not in found:
            part = f"{cmd_name}."
            text = f"Commands that the {cmd_name} plugin brings."
            is_group = any(name.startswith(part) for name in found)
            return Extended(cmd_name, prefix=f"{self._prefix}{cmd_name}", help=text) if is_group else None
        entry = found[cmd_name]
        command = entry.load()
        if not isinstance(command, click.Command):
            raise click.ClickException(f"{entry.value} is no click command")
        return command


@click.group("eval", cls=Extended, prefix="eval")
def evaluate() -> None:
    """Measure a plugin on data of yours, with the code that the proxy runs.

    \b
    tailrace eval cache PAIRS.jsonl
    tailrace eval router OUTCOMES.jsonl
    """
