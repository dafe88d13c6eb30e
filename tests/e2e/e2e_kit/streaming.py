"""What the tests of streams share: their proxies, the shapes of a stream, and how to compare two."""

import re
from typing import Any

import aiohttp

from e2e_kit.client import BODIES, Answer, body_for, send
from e2e_kit.process import proxy_config

DEADLINES = {"idle_s": 2, "first_event_s": 3, "total_s": 20}
SHAPES = list(BODIES)
BREAKS = [
    "fault-cut-midstream-4",
    "fault-reset-midstream-4",
    "fault-cut-midframe-4",
    "fault-cut-close-delimited-4",
    "fault-clean-end-no-finish",
    "fault-hang-midstream-4",
]
"""Faults that break a stream off after its first event."""


def plain_config(sim_url: str) -> dict[str, Any]:
    """No models: what the client names is asked for. Anthropic's paths go to the same simulation."""
    providers = {"sim": {"base_url": sim_url}, "claude": {"base_url": sim_url, "dialect": "anthropic"}}
    return proxy_config(sim_url, providers=providers, upstream=DEADLINES)


def routed_config(sim_url: str) -> dict[str, Any]:
    """Models with a fallback behind a target that fails."""
    faults = ("error-first-event", "hang-after-headers", "cut-midstream-0", "cut-midstream-4", "html-200", "empty-200")
    models = {f"{fault}-then-good": {"targets": [f"sim/fault-{fault}", "sim/gpt-4o"]} for fault in faults}
    return proxy_config(sim_url, models=models, upstream=DEADLINES)


async def streamed(
    http: aiohttp.ClientSession, root: str, shape: str, model: str, test_id: str = "", **more: Any
) -> Answer:
    """A streamed request in a shape; the whole answer, which must end as HTTP wants it."""
    headers = {"x-test-id": test_id} if test_id else {}
    return await send(http, root + BODIES[shape][0], body_for(shape, model, stream=True, **more), headers=headers)


_IDS = (
    (re.compile(rb"(chatcmpl-sim-|cmpl-sim-|resp_sim_|msg_sim_)[0-9a-f]+"), rb"\1ID"),
    (re.compile(rb'"(created|created_at|completed_at)":\d+(\.\d+)?'), rb'"\1":0'),
)


def same_bytes(body: bytes) -> bytes:
    """The bytes without what differs between any two calls."""
    for pattern, instead in _IDS:
        body = pattern.sub(instead, body)
    return body
