"""`tailrace demo`: an agent loop directly and through the proxy, compared.

`servers` starts the simulated provider and the proxy as processes, `agent` is the loop (the official openai client),
`spans` receives what the proxy exports, `report` prints.
"""

import asyncio
import importlib.util
import sys

import click


def run() -> int:
    """Run the demo on standard output; returns the exit code. Nothing is left running."""
    if importlib.util.find_spec("openai") is None:
        click.echo("The demo drives the official openai client, which is not installed: pip install openai", err=True)
        return 1
    from tailrace.demo.show import show

    try:
        return asyncio.run(show())
    except KeyboardInterrupt:
        click.echo("stopped", err=True)
        return 130


if __name__ == "__main__":
    sys.exit(run())
