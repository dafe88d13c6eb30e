"""What several commands share: the --config option, and how mistakes are shown."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn

import click

if TYPE_CHECKING:
    from tailrace.config import ConfigError, Loaded

config_option: Callable[[Any], Any] = click.option(
    "-c",
    "--config",
    "path",
    type=click.Path(dir_okay=False),
    envvar="TAILRACE_CONFIG",
    help="YAML file; without one, defaults and TAILRACE__SECTION__KEY variables.  [env: TAILRACE_CONFIG]",
)

BAD_CONFIG = 78
"""Exit code for a configuration that cannot be used (EX_CONFIG of sysexits.h)."""


def load_or_exit(path: str | None) -> "Loaded":
    """The configuration, or its mistakes on standard error and exit code 78."""
    from tailrace.config import ConfigError, load

    try:
        return load(path)
    except ConfigError as error:
        exit_with(error)


def exit_with(error: "ConfigError") -> NoReturn:
    """Show every mistake and leave."""
    count = len(error.problems)
    click.echo(f"The configuration has {count} mistake{'s' if count != 1 else ''}:", err=True)
    for problem in error.problems:
        click.echo(f"  {problem}", err=True)
    raise SystemExit(BAD_CONFIG)
