"""The router in the demo: requests that ask for `auto`, from a greeting to a proof."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.table import Table

from tailrace.demo.agent import MODEL
from tailrace.models import AUTO
from tailrace.prices import PriceTable
from tailrace.wire import usage as usages
from tailrace.wire.usage import Usage

if TYPE_CHECKING:
    from openai import AsyncOpenAI

_LENGTH = " [[sim: tokens=60]]"
"""The simulated answers are equally long, so that only the prices differ."""

QUESTIONS = (
    "thanks, that's all!",
    "Translate 'good morning' into Italian.",
    "Which is the capital of Piedmont, and on which river does it lie?",
    "Compare going from Turin to Nice by train and by car: time, cost, comfort. Then recommend one for a family of "
    "four with two bicycles, and say under which conditions you would recommend the other.",
    "Our booking service deadlocks about once a day under load:\n```python\nasync def transfer(a, b, seats):\n"
    "    async with a.lock:\n        async with b.lock:\n            a.seats -= seats\n            b.seats += seats\n"
    "```\nFind the cause, refactor it without a global lock, keep the public interface, and plan how to test it under "
    "concurrency.",
    "Prove that the greedy algorithm for interval scheduling is optimal, then show where the proof breaks for weighted "
    "intervals and derive an algorithm for them with its complexity.",
)


@dataclass(frozen=True, slots=True)
class Routed:
    """What became of one request."""

    question: str
    tier: str
    model: str
    usage: Usage | None


async def ask_auto(client: "AsyncOpenAI") -> list[Routed]:
    """Ask each of the questions, without naming a model."""
    found = []
    for question in QUESTIONS:
        raw = await client.chat.completions.with_raw_response.create(
            model=AUTO,
            messages=[{"role": "user", "content": question + _LENGTH}],
        )
        answer = raw.parse()
        told = usages.read(answer.usage.model_dump()) if answer.usage is not None else None
        found.append(Routed(question, str(raw.headers.get("x-tailrace-tier", "-")), answer.model, told))
    return found


def routed_table(found: Sequence[Routed]) -> Table:
    """A row a request, and what all of them cost beside asking one model always."""
    prices = PriceTable.shipped()
    table = Table(title="Requests that ask for `auto`", title_justify="left")
    for name in ("asked", "tier", "answered by"):
        table.add_column(name)
    for name in ("cost", f"as {MODEL}"):
        table.add_column(name, justify="right", no_wrap=True)
    paid = always = 0.0
    for row in found:
        cost = prices.cost("simulated", row.model, row.usage)
        as_default = prices.cost("simulated", MODEL, row.usage)
        paid, always = paid + (cost or 0.0), always + (as_default or 0.0)
        table.add_row(_short(row.question), row.tier, row.model, _usd(cost), _usd(as_default))
    table.add_section()
    saved = f"{1 - paid / always:.0%} less" if always else ""
    table.add_row("all of them", "", saved, _usd(paid), _usd(always))
    return table


def _short(text: str) -> str:
    line = text.partition("\n")[0]
    return line if len(line) <= 60 else f"{line[:59]}…"


def _usd(cost: float | None) -> str:
    return "unknown" if cost is None else f"${cost:.6f}"
