"""The semantic cache in the demo: questions in other words, and questions that only look alike."""

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

import aiohttp
from rich.table import Table

from tailrace.demo.agent import MODEL

if TYPE_CHECKING:
    from openai import AsyncOpenAI

_LOAD_S = 120.0

PAIRS = (
    ("How do I cancel my train ticket?", "Hi, could you please tell me how I can cancel my train ticket?"),
    ("How do I change my seat on the train?", "how can i change my seat on the train"),
    ("Can I change a booking before departure?", "Can I change a booking after departure?"),
    ("Which trains go from Milan to Turin on Friday?", "Which trains go from Turin to Milan on Friday?"),
    ("Is breakfast included at the hotel?", "Is breakfast not included at the hotel?"),
)
"""What was asked before, and what is asked now: the first two mean the same, the others must not be answered alike."""


@dataclass(frozen=True, slots=True)
class Answered:
    """How the second question of a pair was answered: `x-tailrace-cache`, and the time in milliseconds."""

    before: str
    now: str
    cache: str
    ms: float


async def is_ready(admin_url: str) -> bool:
    """Wait until the proxy has loaded the model; False where it never will (the extra is not installed)."""
    loop = asyncio.get_running_loop()
    until = loop.time() + _LOAD_S
    async with aiohttp.ClientSession() as session:
        while loop.time() < until:
            async with session.get(f"{admin_url}/cache") as answer:
                told = (await answer.json())["caches"].get("semantic_cache", {})
            state = told.get("embedder", {}).get("state", "failed")
            if state in ("ready", "failed"):
                return bool(state == "ready")
            await asyncio.sleep(0.1)
    return False


async def ask_again(client: "AsyncOpenAI") -> list[Answered]:
    """Ask the first question of each pair, then the second."""
    loop = asyncio.get_running_loop()
    found = []
    for before, _ in PAIRS:
        await _ask(client, before)
    # What is kept is written in the background.
    await asyncio.sleep(0.5)
    for before, now in PAIRS:
        began = loop.time()
        cache = await _ask(client, now)
        found.append(Answered(before, now, cache, (loop.time() - began) * 1000))
    return found


async def _ask(client: "AsyncOpenAI", question: str) -> str:
    answer = await client.chat.completions.with_raw_response.create(
        model=MODEL, messages=[{"role": "user", "content": question}], temperature=0
    )
    return str(answer.headers.get("x-tailrace-cache", "-"))


def reworded_table(found: list[Answered]) -> Table:
    """A row a pair."""
    table = Table(title="The same question in other words, and others that only look alike", title_justify="left")
    for name in ("asked before", "asked now", "x-tailrace-cache"):
        table.add_column(name)
    table.add_column("time", justify="right", no_wrap=True)
    for row in found:
        style = "green" if row.cache.startswith("semantic") else ""
        table.add_row(
            row.before, row.now, f"[{style}]{row.cache}[/{style}]" if style else row.cache, f"{row.ms:.0f} ms"
        )
    return table
