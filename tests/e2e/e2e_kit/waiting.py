"""Waiting for something that comes about elsewhere."""

import asyncio
from collections.abc import Callable
from typing import Any


async def until(condition: Callable[[], Any], timeout_s: float = 10.0, what: str = "") -> Any:
    """Wait until `condition` gives something true; a coroutine is awaited. Fails after `timeout_s`."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout_s
    while True:
        result = condition()
        if asyncio.iscoroutine(result):
            result = await result
        if result:
            return result
        assert loop.time() < deadline, f"not within {timeout_s} s: {what or condition}"
        await asyncio.sleep(0.01)
