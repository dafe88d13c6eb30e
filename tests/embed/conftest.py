"""Waiting for a condition, never for time."""

import asyncio
import sys
from pathlib import Path

import pytest

from tailrace.tasks import Tasks


@pytest.fixture
def until():
    async def wait(is_so, deadline_s: float = 20.0) -> None:
        async with asyncio.timeout(deadline_s):
            while not is_so():
                await asyncio.sleep(0.005)

    return wait


@pytest.fixture
async def tasks():
    tasks = Tasks()
    yield tasks
    await tasks.drain(0)


@pytest.fixture
def fake(tmp_path):
    """The fake process's command and what it has logged."""

    class Fake:
        log = tmp_path / "log"
        gate = tmp_path / "log.gate"

        def command(self, mode: str = "good") -> list[str]:
            return [sys.executable, "-S", str(Path(__file__).with_name("fake_worker.py")), mode, str(self.log)]

        def lines(self, word: str) -> list[str]:
            text = self.log.read_text() if self.log.exists() else ""
            return [line for line in text.splitlines() if line.startswith(word)]

    return Fake()
