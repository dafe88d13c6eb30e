"""`tailrace demo`: an agent loop with and without the proxy."""

import click


@click.command()
def demo() -> None:
    """Run a real agent loop directly and through the proxy, and compare."""
    from tailrace.demo import run

    raise SystemExit(run())
