"""`tailrace eval compress TRAJECTORIES.jsonl`."""

import asyncio
import gc
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

import click
from pydantic import ValidationError
from rich.console import Console

from tailrace.cache.caches import Caches
from tailrace.cli.bar import bar
from tailrace.clock import SystemClock
from tailrace.plugin import Services
from tailrace.prices import Price, PriceTable
from tailrace.tasks import Tasks
from tailrace.tokens import TokenCounter
from tailrace.wire import jsonio
from tailrace_plugins.compress.evaluate.provider import Rules
from tailrace_plugins.compress.evaluate.replay import Replayed, replay
from tailrace_plugins.compress.evaluate.report import line, report, shown
from tailrace_plugins.compress.evaluate.trajectories import (
    BadTrajectories,
    Trajectory,
    read_system,
    read_tools,
    read_trajectories,
)
from tailrace_plugins.compress.passes import Earlier, Piece, Result, compress
from tailrace_plugins.compress.plugin import CompressPlugin
from tailrace_plugins.compress.settings import EVERYTHING, CompressSettings

T = TypeVar("T")

_WIDTH: Final = 140
"""Of tables that go to no terminal."""
_File: Final = click.Path(exists=True, dir_okay=False, path_type=Path)
_Dollars: Final = click.FloatRange(min=0)


@click.command("compress")
@click.argument("file", type=_File, metavar="TRAJECTORIES")
@click.option("--system", "system_file", type=_File, help="The system prompt: a message or string as JSON, or text.")
@click.option("--tools", "tools_file", type=_File, help="The tools, a JSON list as in a request.")
@click.option("--price-in", default=2.5, show_default=True, type=_Dollars, help="US dollars per million input tokens.")
@click.option("--price-cached", default=0.25, show_default=True, type=_Dollars, help="Those read from the cache.")
@click.option("--price-write", type=_Dollars, help="Those written to the cache.  [default: the input price]")
@click.option("--block", default=128, show_default=True, type=click.IntRange(1), help="Tokens in a block of the cache.")
@click.option("--min-cached", default=1_024, show_default=True, type=click.IntRange(0), help="Least tokens it keeps.")
@click.option("--model", default="gpt-4o", show_default=True, help="The model whose tokens are counted.")
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    help="A setting of the plugin (history.limit=40), as often as needed.",
)
@click.option("--all", "all_passes", is_flag=True, help="All passes on, those that leave something out, too.")
@click.option("--json", "only_json", is_flag=True, help="Print the JSON line only.")
def command(
    file: Path,
    system_file: Path | None,
    tools_file: Path | None,
    price_in: float,
    price_cached: float,
    price_write: float | None,
    block: int,
    min_cached: int,
    model: str,
    settings: Sequence[str],
    all_passes: bool,
    only_json: bool,
) -> None:
    """How much compression saves on recorded conversations, at billed rates.

    Each line of the file is {"messages": [...]}; every assistant message in it is an answer to a request with all
    before it. The requests go turn by turn through the plugin to a simulated provider with a prefix cache, and are
    billed as they were asked for and as they were sent. The last line is one JSON object.

    \b
    tailrace eval compress runs.jsonl --system prompt.txt --tools tools.json
    tailrace eval compress runs.jsonl --set long_results=true --set max_result_chars=5000
    tailrace eval compress runs.jsonl --price-in 3 --price-cached 0.3 --price-write 3.75 --model claude-sonnet-4
    """
    system = _told(lambda: read_system(system_file)) if system_file is not None else None
    tools = _told(lambda: read_tools(tools_file)) if tools_file is not None else ()
    trajectories = _told(lambda: read_trajectories(file, system, tools))
    price = Price(price_in, 0.0, price_cached, price_in if price_write is None else price_write)
    counter = TokenCounter(cache_bytes=64 << 20)
    chosen = _settings(settings, all_passes=all_passes)
    replayed = asyncio.run(_replay(trajectories, chosen, model, price, Rules(block, min_cached), counter))
    note = "" if counter.exact(model) else "tokens are estimates: exact counts need pip install 'tailrace[litellm]'"
    made = report(str(file), replayed, price, note)
    if not only_json:
        Console(width=None if Console().is_terminal else _WIDTH).print(shown(made))
    click.echo(jsonio.dumps(line(made)))


def _settings(given: Sequence[str], *, all_passes: bool) -> CompressSettings:
    """The plugin's settings; a mistake is told as the command's own."""
    # Conversations of a file are not to go on in the next evaluation.
    chosen: dict[str, Any] = {"persist": False, **(EVERYTHING if all_passes else {})}
    for one in given:
        key, equals, value = one.partition("=")
        if not equals:
            raise click.BadParameter(f"{one!r} is not KEY=VALUE", param_hint="--set")
        *groups, name = key.strip().split(".")
        into = chosen
        for group in groups:
            inner = into.get(group)
            into[group] = into = dict(inner) if isinstance(inner, dict) else {}
        into[name] = value.strip()
    try:
        return CompressSettings(**chosen)
    except ValidationError as error:
        told = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        raise click.BadParameter(told, param_hint="--set") from None


async def _replay(
    trajectories: Sequence[Trajectory],
    settings: CompressSettings,
    model: str,
    price: Price,
    rules: Rules,
    counter: TokenCounter,
) -> list[Replayed]:
    def count(text: str) -> int:
        return counter.count(text, model)

    with tempfile.TemporaryDirectory() as folder, bar("replaying", len(trajectories)) as tell:
        plugin = _plugin(settings, model, price, Path(folder))

        def redo(piece: Piece, earlier: Sequence[Earlier]) -> Result | None:
            return compress(piece, plugin.settings.switches, count, earlier)

        await plugin.start()
        # Ready as a proxy that has served before: what is timed is the plugin, not the loading of a vocabulary.
        plugin.services.tokens.load(model)
        gc.collect()
        gc.freeze()
        try:
            replayed = []
            for trajectory in trajectories:
                replayed.append(await replay(trajectory, plugin, model, rules, count, redo))
                tell()
            return replayed
        finally:
            gc.unfreeze()
            await plugin.stop()
            await plugin.services.caches.aclose()


def _plugin(settings: CompressSettings, model: str, price: Price, folder: Path) -> CompressPlugin:
    """The plugin. It counts for itself: what the bill has counted costs it time all the same."""
    services = Services(
        tasks=Tasks(),
        clock=SystemClock(),
        prices=PriceTable.shipped({model: price}),
        data_dir=folder,
        caches=Caches(),
        tokens=TokenCounter(),
    )
    return CompressPlugin(settings, services)


def _told(read: Callable[[], T]) -> T:
    """What `read` makes of a file, or the file's mistake on standard error."""
    try:
        return read()
    except BadTrajectories as error:
        raise click.ClickException(str(error)) from None
    except OSError as error:
        raise click.ClickException(f"{error.filename}: {error.strerror}") from None
