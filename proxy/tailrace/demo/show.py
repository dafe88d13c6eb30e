"""The course of the demo."""

import importlib.util
import tempfile
from pathlib import Path
from statistics import median

import openai
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from tailrace.demo.agent import Loop, run_loop
from tailrace.demo.report import comparison, overhead, say, span_tree
from tailrace.demo.reworded import Answered, ask_again, is_ready, reworded_table
from tailrace.demo.routed import ask_auto, routed_table
from tailrace.demo.servers import provider, proxy
from tailrace.demo.spans import Collector, collector

FIRST_TOKEN_MS, PER_TOKEN_MS = 120.0, 3.0
_TURNS = 10


async def show() -> int:
    """Run it; the exit code says whether all ways agree."""
    console = Console()
    console.print(
        f"Simulated provider: {FIRST_TOKEN_MS:g} ms to the first token, {PER_TOKEN_MS:g} ms a token, prefix cache.\n"
        "Its answers are made up; the loop, the client and the proxy are real.\n",
        highlight=False,
    )
    runs: dict[str, Loop] = {}
    overheads: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="tailrace-demo-") as folder:
        async with (
            collector() as kept,
            provider(FIRST_TOKEN_MS, PER_TOKEN_MS) as upstream,
            proxy(upstream, kept.url, Path(folder)) as (through, admin),
        ):
            with Progress(
                TextColumn("{task.description:28}"), BarColumn(), TimeElapsedColumn(), console=console, transient=True
            ) as bars:
                for stream in (False, True):
                    for way, url in (("direct", upstream), ("tailrace", through)):
                        name = f"{way}{' sse' if stream else ''}"
                        seen = len(kept.traces())
                        runs[name] = await _run(bars, name, url, stream)
                        if way == "tailrace":
                            await _add_overhead(overheads, name, kept, seen, len(runs[name].turns_s))
                # The same task once more, under the key of the first run: every turn has been answered before.
                seen = len(kept.traces())
                runs["again"] = await _run(bars, "again", through, False, key=_key("tailrace"))
                await _add_overhead(overheads, "again", kept, seen, len(runs["again"].turns_s))
                traces = list(kept.traces().values())
                async with openai.AsyncOpenAI(base_url=through, api_key=_key("auto"), max_retries=0) as client:
                    routed = await ask_auto(client)
                reworded = await _reworded(bars, through, admin)
    console.print(comparison(runs, overheads))
    say(console, next(iter(runs.values())).answer)
    if traces:
        console.print(span_tree(max(traces, key=len)))
    console.print(routed_table(routed))
    if reworded:
        console.print(reworded_table(reworded))
    else:
        console.print(
            "\nNot shown: the semantic cache, which needs the `semantic` extra (hnswlib is built from source and "
            "needs a C++ compiler: install g++, then `make clean demo`)."
        )
    if not _agree(runs) or not traces:
        console.print("[red]The ways differ: not the same turns or answers, or no trace arrived.[/red]")
        return 1
    console.print(
        "\nSame turns and calls both ways, streamed or not. (The simulation's words follow the spelling of what it is "
        "sent, and `compress` sends tables in fewer tokens.)\nTry it: `make run`, then point an agent at "
        "http://127.0.0.1:8080/v1"
    )
    return 0


def _agree(runs: dict[str, Loop]) -> bool:
    """Whether all ways took the same turns and calls, and those that were sent the same got the same answer."""
    steps = {(len(loop.turns_s), loop.calls) for loop in runs.values()}
    direct = {loop.answer for name, loop in runs.items() if name.startswith("direct")}
    through = {loop.answer for name, loop in runs.items() if not name.startswith("direct")}
    return len(steps) == len(direct) == len(through) == 1


def _key(name: str) -> str:
    """A key of its own for each run: provider and proxy cache by key, and every run but the last shall start cold."""
    return f"sk-demo-{name}".replace(" ", "-")


async def _reworded(bars: Progress, url: str, admin_url: str) -> list[Answered]:
    """What the semantic cache does; nothing where it is not installed."""
    if importlib.util.find_spec("hnswlib") is None:
        return []
    task = bars.add_task("loading the model", total=None)
    ready = await is_ready(admin_url)
    bars.remove_task(task)
    if not ready:
        return []
    async with openai.AsyncOpenAI(base_url=url, api_key=_key("reworded"), max_retries=0) as client:
        return await ask_again(client)


async def _run(bars: Progress, name: str, url: str, stream: bool, key: str = "") -> Loop:
    task = bars.add_task(name, total=_TURNS)
    async with openai.AsyncOpenAI(base_url=url, api_key=key or _key(name), max_retries=0) as client:
        # The first request of a client pays for imports and a connection.
        await client.models.list()
        loop = await run_loop(client, stream=stream, told=lambda: bars.advance(task))
    bars.update(task, completed=_TURNS)
    return loop


async def _add_overhead(overheads: dict[str, float], name: str, kept: Collector, seen: int, turns: int) -> None:
    await kept.until(seen + turns, timeout_s=10.0)
    found = [overhead(spans) for spans in list(kept.traces().values())[seen:]]
    known = [value for value in found if value is not None]
    if known:
        overheads[name] = median(known)
