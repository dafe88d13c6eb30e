"""What the tests of retry, fallback and breaker share."""

from typing import Any

import aiohttp

from e2e_kit.client import chat, fresh, send
from e2e_kit.process import Served
from e2e_kit.reading import events
from e2e_kit.simulation import Sim

DEADLINES = {"connect_s": 1, "first_event_s": 0.6, "idle_s": 1, "total_s": 4}
NEVER = ["400", "401", "403", "404", "409", "413", "422", "quota", "content-policy"]
"""Faults that are never tried again, nowhere."""


async def tried(
    http: aiohttp.ClientSession, served: Served, sim: Sim, model: str, *, stream: bool = False, **headers: str
) -> tuple[Any, list[str]]:
    """The answer, and the models the provider was asked for."""
    test_id = fresh()
    answer = await send(
        http, served.url + "/chat/completions", chat(model, stream=stream), headers={"x-test-id": test_id, **headers}
    )
    return answer, [entry["model"] for entry in sim.entries(test_id)]


def complete(answer: Any, stream: bool) -> bool:
    """Whether the answer is whole and good."""
    if answer.status != 200:
        return False
    return events(answer.body)[-1].data == "[DONE]" if stream else bool(answer.json()["choices"])
