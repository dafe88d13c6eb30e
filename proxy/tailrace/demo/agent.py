"""A small real agent: the official openai client, tools, and a loop until the model has no more calls."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tailrace.wire import jsonio
from tailrace.wire import usage as usages
from tailrace.wire.usage import Usage

if TYPE_CHECKING:
    from openai import AsyncOpenAI

MODEL = "gpt-4o"

_POLICY = """You are the travel desk of a small company. You look things up before you answer, one step at a time, and
you never invent a flight, a price or a rule. Rules of the house: economy up to six hours of flight, premium above; no
arrival after 22:00 on the day before a meeting; trains instead of flights under 600 km; hotels within walking distance
of the meeting, at most 180 EUR a night; invoices to the cost centre of the traveller; every booking needs a traveller,
a purpose and an approver. When two rules disagree the later one wins. """
SYSTEM = _POLICY * 12
"""Long enough (over 1,024 tokens) for the provider's prefix cache to matter, as an agent's instructions are."""

TASK = (
    "Plan my trip to the customer in Turin next Tuesday: trains, a hotel and the weather. [[sim: rounds=9 tokens=60]]"
)


def _tool(name: str, description: str, **properties: str) -> dict[str, Any]:
    return {
        "type": "function",
        "function": {
            "name": name,
            "description": description,
            "parameters": {
                "type": "object",
                "properties": {key: {"type": "string", "description": text} for key, text in properties.items()},
                "required": list(properties),
            },
        },
    }


TOOLS = [
    _tool("search_trains", "Trains between two cities on a day.", origin="City", destination="City", day="ISO date"),
    _tool("get_weather", "Forecast for a city.", city="City", day="ISO date"),
    _tool("find_hotels", "Hotels near a place.", city="City", near="A street or landmark"),
]

_RESULTS = {
    "search_trains": [
        {
            "train": f"FR 95{n}",
            "departs": f"{7 + n}:05",
            "arrives": f"{11 + n}:40",
            "price_eur": 79 + 4 * n,
            "seats": 12 * n,
        }
        for n in range(8)
    ],
    "get_weather": {"forecast": "light rain, clearing by noon", "celsius": {"min": 6, "max": 11}, "wind_kmh": 14},
    "find_hotels": [
        {"hotel": f"Albergo {name}", "walk_min": 4 + n, "eur": 118 + 9 * n, "breakfast": n % 2 == 0}
        for n, name in enumerate(("Centrale", "Porta Nuova", "Le Petit", "Residence", "Torino"))
    ],
}


@dataclass(slots=True)
class Loop:
    """What one run of the loop measured; times in seconds, one entry a turn."""

    turns_s: list[float] = field(default_factory=list)
    first_s: list[float] = field(default_factory=list)
    usages: list[Usage] = field(default_factory=list)
    calls: int = 0
    answer: str = ""


async def run_loop(client: "AsyncOpenAI", *, stream: bool, told: Callable[[], None]) -> Loop:
    """Run the agent to its answer. `told` is called after every turn."""
    loop = Loop()
    messages: list[Any] = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": TASK}]
    for _ in range(20):
        began = time.perf_counter()
        turn = _streamed if stream else _whole
        message, usage, first_s = await turn(client, messages)
        loop.turns_s.append(time.perf_counter() - began)
        loop.first_s.append(first_s if first_s is not None else loop.turns_s[-1])
        if usage is not None:
            loop.usages.append(usage)
        told()
        messages.append(message)
        calls = message.get("tool_calls") or []
        if not calls:
            loop.answer = message.get("content") or ""
            return loop
        for call in calls:
            loop.calls += 1
            result = _RESULTS.get(call["function"]["name"], {"error": "no such tool"})
            messages.append({"role": "tool", "tool_call_id": call["id"], "content": jsonio.dumps(result).decode()})
    return loop


async def _whole(client: "AsyncOpenAI", messages: list[Any]) -> tuple[dict[str, Any], Usage | None, float | None]:
    answer = await client.chat.completions.create(model=MODEL, messages=messages, tools=TOOLS)  # type: ignore[arg-type]
    message = answer.choices[0].message.model_dump(exclude_none=True, include={"role", "content", "tool_calls"})
    return message, _billed(answer.usage.model_dump()) if answer.usage is not None else None, None


def _billed(told: Any) -> Usage | None:
    """The tokens that the provider billed: none for an answer from the cache, whose usage says so."""
    mark = told.get("tailrace") if isinstance(told, dict) else None
    return None if isinstance(mark, dict) and mark.get("billed") is False else usages.read(told)


async def _streamed(client: "AsyncOpenAI", messages: list[Any]) -> tuple[dict[str, Any], Usage | None, float | None]:
    from tailrace.wire.assemble import assembler

    began = time.perf_counter()
    first_s: float | None = None
    usage: Usage | None = None
    gathered = assembler("chat")
    stream = await client.chat.completions.create(  # type: ignore[call-overload]
        model=MODEL, messages=messages, tools=TOOLS, stream=True, stream_options={"include_usage": True}
    )
    async for chunk in stream:
        if first_s is None:
            first_s = time.perf_counter() - began
        told = chunk.model_dump(exclude_unset=True)
        usage = _billed(told.get("usage")) or usage
        gathered.feed(told)
    message = gathered.result()["choices"][0]["message"]
    return {k: v for k, v in message.items() if k in ("role", "content", "tool_calls") and v}, usage, first_s
