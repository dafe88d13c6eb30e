"""The command line. Each command imports what it needs when it runs, so that `--help` is instant."""

import click

from tailrace.cli.cache import cache
from tailrace.cli.check import check, plugins, schema
from tailrace.cli.demo import demo
from tailrace.cli.extended import Extended, evaluate
from tailrace.cli.serve import serve
from tailrace.cli.sim import sim
from tailrace.version import VERSION

__all__ = ["main"]


@click.group(cls=Extended, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(VERSION, prog_name="tailrace")
def main() -> None:
    """An OpenAI-compatible proxy between your agent and its model providers.

    \b
    Start it:            tailrace serve
    Point an agent at it: base_url=http://127.0.0.1:8080/v1
    """


for _command in (serve, check, plugins, schema, cache, evaluate, sim, demo):
    main.add_command(_command)
