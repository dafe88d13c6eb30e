"""`tailrace serve`: the proxy itself."""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import click

from tailrace.cli.common import config_option, exit_with, load_or_exit
from tailrace.version import VERSION

if TYPE_CHECKING:
    from tailrace.app import Proxy
    from tailrace.config import Loaded

_log = logging.getLogger("tailrace")


@click.command()
@config_option
@click.option("--host", help="Address to listen on, instead of the configured one.")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on, instead of the configured one.")
def serve(path: str | None, host: str | None, port: int | None) -> None:
    """Start the proxy.

    Without a configuration it uses the providers whose keys are in the environment (OPENAI_API_KEY,
    ANTHROPIC_API_KEY, …), and with neither it starts the simulated provider and says so.

    \b
    tailrace serve
    tailrace serve --config tailrace.yaml --port 8080
    kill -HUP PID    take over a changed configuration
    """
    loaded = load_or_exit(path)
    changes = {key: value for key, value in (("host", host), ("port", port)) if value is not None}
    if changes:
        from dataclasses import replace

        server = loaded.config.server.model_copy(update=changes)
        loaded = replace(loaded, config=loaded.config.model_copy(update={"server": server}))
    _set_up_logging()
    raise SystemExit(_run(loaded, path))


def _run(loaded: "Loaded", path: str | None) -> int:
    from tailrace.app import CannotListen
    from tailrace.config import ConfigError
    from tailrace.gateway import PluginStartFailed

    try:
        return _runner()(_serve(loaded, path))
    except ConfigError as error:
        exit_with(error)
    except PluginStartFailed as error:
        click.echo(f"tailrace: {error}", err=True)
        return 1
    except CannotListen as error:
        click.echo(f"tailrace: {error}. Choose another with --port, or stop what listens there.", err=True)
        return 1
    except KeyboardInterrupt:
        return 130


def _runner() -> Callable[[Coroutine[Any, Any, int]], int]:
    """uvloop where there is one, else asyncio."""
    try:
        import uvloop
    except ImportError:
        return asyncio.run
    return uvloop.run


async def _serve(loaded: "Loaded", path: str | None) -> int:
    from dataclasses import replace

    from tailrace.app import running
    from tailrace.config.implied import with_implied, with_provider
    from tailrace.config.load import safe_to_listen

    async with AsyncExitStack() as stack:
        config, variables = with_implied(loaded.config, os.environ)
        said = f"keys found in {', '.join(variables)}" if variables else ""
        if not config.providers:
            from tailrace.sim import SimSettings
            from tailrace.sim import running as sim_running

            sim = await stack.enter_async_context(sim_running(SimSettings()))
            config = with_provider(config, "simulated", sim.url)
            said = "no provider is configured and no key is in the environment: answers are made up"
        loaded = replace(loaded, config=config)
        safe_to_listen(loaded)
        stop = asyncio.Event()
        proxy = await stack.enter_async_context(running(loaded))
        _on_signals(proxy, path, stop)
        _announce(proxy, said)
        await stop.wait()
        click.echo(f"draining: {proxy.handler.in_flight} in flight, at most {config.server.drain_s:g} s", err=True)
    return 0


def _announce(proxy: "Proxy", said: str) -> None:
    """Say on standard error where it listens, whom it asks and what stands between; standard output stays free."""
    from tailrace.telemetry.env import resolve

    config = proxy.config
    host = config.server.host
    lines = [
        f"tailrace {VERSION}",
        f"  listening   http://{_shown(host)}:{proxy.port}/v1     <- set base_url to this",
    ]
    if config.admin.enabled:
        lines.append(f"  admin       http://{_shown(config.admin.host)}:{proxy.admin_port}/metrics")
    for position, (name, provider) in enumerate(config.providers.items()):
        key = "your key" if provider.api_key is not None else "the client's key is passed on"
        where = provider.base_url or f"litellm ({provider.litellm_provider or name})"
        if name == "simulated":
            key = said or key
        lines.append(f"  {'provider' if position == 0 else '':10}  {name}: {where}  ({key})")
    if said and "simulated" not in config.providers:
        lines.append(f"              {said}")
    chain = [plugin.name for plugin in proxy.gateway.plugins]
    lines.append(f"  chain       {' -> '.join([*chain, 'upstream'])}{'' if chain else '   (no plugins: passthrough)'}")
    traces = resolve(config.telemetry, os.environ).traces
    lines.append(f"  traces      {traces.url if traces is not None else 'not exported (set telemetry.otlp.endpoint)'}")
    click.echo("\n".join(lines), err=True)


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _on_signals(proxy: "Proxy", path: str | None, stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()

    def end() -> None:
        if stop.is_set():
            # A second signal: the operator does not want to wait.
            os._exit(130)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end)
    loop.add_signal_handler(signal.SIGHUP, lambda: proxy.services.tasks.spawn(_reload(proxy, path), "reload"))


async def _reload(proxy: "Proxy", path: str | None) -> None:
    """Take over the changed file; on any mistake keep the configuration in force and say why."""
    from dataclasses import replace

    from tailrace.config import ConfigError, load
    from tailrace.config.implied import with_implied

    try:
        loaded = load(path)
        config, _ = with_implied(loaded.config, os.environ)
        if not config.providers:
            config = config.model_copy(update={"providers": proxy.config.providers})
        changed = await proxy.reload(replace(loaded, config=config))
    except ConfigError as error:
        _log.error("reload refused, the old configuration stays: %s", error)
    except Exception as error:  # noqa: BLE001 - a plugin's start may raise anything; the proxy goes on as it was
        _log.error("reload failed, the old configuration stays: %s", type(error).__name__)
    else:
        _log.warning("configuration reloaded%s", f"; a restart is needed for {', '.join(changed)}" if changed else "")


def _set_up_logging() -> None:
    """Warnings and errors of the proxy itself go to standard error, beside the request lines."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger("tailrace")
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    root.propagate = False
