"""A real tool loop through the running proxy: what the provider gets is smaller, and the same turn after turn."""

import asyncio
import itertools
from typing import Any

import aiohttp
import openai
from e2e_kit import Serve, Sim, proxy_config

from tailrace.wire import jsonio

SYSTEM = "You are the travel desk of a small company. You look things up before you answer. " * 60
FLIGHTS = [
    {
        "flight_number": f"HAT{n:03}",
        "origin": "JFK",
        "destination": "SEA",
        "date": "2024-05-20",
        "price_usd": 100 + n,
        "seats": n,
    }
    for n in range(24)
]
TURNS = 8


def result_of(turn: int) -> str:
    """What the tool returns: a table, indented as many servers do."""
    rows = [{**row, "price_usd": row["price_usd"] + turn} for row in FLIGHTS]
    return jsonio.dumps(rows).decode().replace(",", ", ").replace(":", ": ")


async def loop(url: str, key: str) -> list[Any]:
    """The agent's loop: every turn one call, its result in the history. The usage of each turn."""
    usages = []
    messages: list[Any] = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": "Find me a flight."}]
    async with openai.AsyncOpenAI(base_url=url, api_key=key, max_retries=0) as ai:
        for turn in range(TURNS):
            answer = await ai.chat.completions.create(model="gpt-4o", messages=messages, temperature=1)
            usages.append(answer.usage)
            call = {
                "id": f"call_{turn}",
                "type": "function",
                "function": {"name": "search", "arguments": f'{{"day":{turn}}}'},
            }
            messages += [
                {"role": "assistant", "content": None, "tool_calls": [call]},
                {"role": "tool", "tool_call_id": f"call_{turn}", "content": result_of(turn)},
            ]
    return usages


async def journal(sim: Sim) -> list[dict[str, Any]]:
    """The bodies that the provider got last, in order."""
    url = sim.url.removesuffix("/v1") + f"/_journal?last={TURNS}"
    async with aiohttp.ClientSession() as http, http.get(url) as answer:
        return [entry["body"] for entry in (await answer.json())["entries"]]


def share(usages: list[Any]) -> float:
    """What of the input came from the provider's cache."""
    return float(sum(u.prompt_tokens_details.cached_tokens for u in usages) / sum(u.prompt_tokens for u in usages))


async def test_the_prefix_stays_and_the_tokens_go_down(serve: Serve, shared_sim: Sim) -> None:
    made = await asyncio.to_thread(serve, proxy_config(shared_sim.url, plugins=["compress"]))
    direct = await loop(shared_sim.url, "sk-direct")
    through = await loop(made.url, "sk-through")
    assert sum(u.prompt_tokens for u in through) < 0.8 * sum(u.prompt_tokens for u in direct)

    assert share(through) >= share(direct) - 0.03
    assert all(usage.prompt_tokens_details.cached_tokens > 0 for usage in through[1:])
    bodies = await journal(shared_sim)
    assert len(bodies) == TURNS
    for before, after in itertools.pairwise(bodies):
        assert jsonio.dumps(after["messages"]).startswith(jsonio.dumps(before["messages"])[:-1])
    results = [message["content"] for message in bodies[-1]["messages"] if message["role"] == "tool"]
    assert all(len(result) < len(result_of(0)) for result in results)
    assert "HAT023" in results[-1], "nothing is lost"
