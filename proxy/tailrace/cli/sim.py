"""`tailrace sim`: the simulated provider as a program."""

import click


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=9000, show_default=True, type=click.IntRange(0, 65535), help="0 picks a free one.")
@click.option("--first-token-ms", default=300.0, show_default=True, help="Delay before the first token; 0 for none.")
@click.option("--per-token-ms", default=15.0, show_default=True, help="Delay between tokens; 0 for none.")
@click.option("--seed", default=0, show_default=True, help="Another seed gives other answers.")
@click.option("--faults", is_flag=True, help="List the model names that fail in a particular way, and exit.")
def sim(host: str, port: int, first_token_ms: float, per_token_ms: float, seed: int, faults: bool) -> None:
    """Run a simulated provider: made-up answers, real wire formats, faults on request.

    \b
    tailrace sim --port 9000
    curl http://127.0.0.1:9000/v1/chat/completions -d '{"model":"gpt-4o","messages":[{"role":"user","content":"hi"}]}'
    curl http://127.0.0.1:9000/_journal      what it received
    """
    from tailrace.sim import FAULTS, SimSettings, serve

    if faults:
        width = max(map(len, FAULTS))
        for name, what in FAULTS.items():
            click.echo(f"{name:{width}}  {what}")
        return
    import asyncio

    import uvloop

    settings = SimSettings(first_token_ms=first_token_ms, per_token_ms=per_token_ms, seed=seed)
    click.echo(f"simulated provider: http://{host}:{port}/v1   (answers are made up; journal at /_journal)", err=True)
    try:
        uvloop.run(serve(settings, host, port))
    except OSError as error:
        raise click.ClickException(f"cannot listen on {host}:{port}: {error.strerror}") from None
    except (KeyboardInterrupt, asyncio.CancelledError):
        pass
