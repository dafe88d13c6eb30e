"""What was left out is asked for inside the exchange: the client sees the answer alone, the provider one prefix."""

import asyncio
import itertools
from typing import Any

import aiohttp
import openai
import pytest
from e2e_kit import Serve, Sim, proxy_config

from tailrace.wire import jsonio

SYSTEM = "You are a careful engineer. You read logs before you say what is wrong. " * 80
LOG = "\n".join(f"line {number}: value_{number} = {number * 7}" for number in range(900))
BASH = {
    "type": "function",
    "function": {
        "name": "bash",
        "description": "Runs a command.",
        "parameters": {"type": "object", "properties": {"command": {"type": "string"}}, "required": ["command"]},
    },
}
RECALL = "tailrace_recall"


async def say(ai: openai.AsyncOpenAI, messages: list[Any], *, stream: bool) -> dict[str, Any]:
    """The assistant's message, as a client keeps it."""
    asked: dict[str, Any] = {"model": "gpt-4o", "messages": messages, "tools": [BASH], "temperature": 1}
    if not stream:
        answer = await ai.chat.completions.create(**asked)
        return answer.choices[0].message.model_dump(exclude_none=True)
    text, calls = "", []
    async for chunk in await ai.chat.completions.create(**asked, stream=True):
        for choice in chunk.choices:
            text += choice.delta.content or ""
            calls += choice.delta.tool_calls or []
    assert not calls
    return {"role": "assistant", "content": text}


async def journal(sim: Sim, last: int) -> list[dict[str, Any]]:
    url = sim.url.removesuffix("/v1") + f"/_journal?last={last}"
    async with aiohttp.ClientSession() as http, http.get(url) as answer:
        return [entry["body"] for entry in (await answer.json())["entries"]]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
async def test_the_client_sees_neither_the_tool_nor_its_calls(serve: Serve, shared_sim: Sim, stream: bool) -> None:
    made = await asyncio.to_thread(
        serve, proxy_config(shared_sim.url, plugins=[{"compress": {"retrieval": True, "long_results": True}}])
    )
    messages: list[Any] = [{"role": "system", "content": SYSTEM}]
    async with openai.AsyncOpenAI(base_url=made.url, api_key="sk-agent", max_retries=0) as ai:
        messages.append({"role": "user", "content": 'Begin. [[sim: rounds=0 text="I will look."]]'})
        messages.append(await say(ai, messages, stream=stream))
        for turn in range(3):
            call = {"id": f"call_{turn}", "type": "function"}
            call["function"] = {"name": "bash", "arguments": jsonio.dumps({"command": f"cat log{turn}"}).decode()}
            messages[-1] = {**messages[-1], "tool_calls": [call]}
            messages.append({"role": "tool", "tool_call_id": f"call_{turn}", "content": f"run {turn}\n{LOG}"})
            messages.append({"role": "user", "content": f'Go on. [[sim: rounds=1 tool={RECALL} text="turn {turn}"]]'})
            answer = await say(ai, messages, stream=stream)
            assert answer["content"] == f"turn {turn}"
            assert RECALL not in jsonio.dumps(answer).decode()
            messages.append(answer)
    bodies = await journal(shared_sim, 7)
    assert len(bodies) == 7, "each of the last three turns had a round more"
    assert all(body["tools"] == bodies[0]["tools"] and len(body["tools"]) == 2 for body in bodies)
    for before, after in itertools.pairwise(bodies):
        assert jsonio.dumps(after["messages"]).startswith(jsonio.dumps(before["messages"])[:-1])
    results = [message["content"] for message in bodies[-1]["messages"] if message["role"] == "tool"]
    cut = [result for result in results if "left out: lines" in result]
    assert len(cut) == 3 and all(len(result) < 0.4 * len(LOG) for result in cut)
    assert [result for result in results if "There is no such id" in result], "the simulated model makes up the id"
