"""Programs that run beside the proxies, on the subject core: how they say how far they are, and what came out."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson

from benchkit.machine import BENCH, Child, Cores

_TELL_EVERY_S = 0.25


class Teller:
    """In the program: prints how much is done, seldom enough to cost nothing, and the result at the end."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._told = 0.0

    def done(self, count: int) -> None:
        """So many of the total are done."""
        now = time.monotonic()
        if now - self._told >= _TELL_EVERY_S:
            self._told = now
            _say({"share": count / max(1, self._total)})

    @staticmethod
    def result(**figures: Any) -> None:
        """What came out; the last word."""
        _say({"result": figures})


def _say(line: dict[str, Any]) -> None:
    sys.stdout.write(orjson.dumps(line).decode() + "\n")
    sys.stdout.flush()


def run(
    program: str, cores: Cores, folder: Path, tell: Callable[[float], None], patience_s: float = 900.0, **given: Any
) -> dict[str, Any]:
    """Run `python -m benchkit.caches.PROGRAM` with `given` as JSON; its result. `tell` is told which share is done.

    Raises RuntimeError with the end of what it wrote when it fails.
    """
    name = f"{program}-{given.get('what', 'all')}"
    child = Child(
        [sys.executable, "-m", f"benchkit.caches.{program}", orjson.dumps(given, default=str).decode()],
        core=cores.subject,
        log=folder / f"{name}.log",
        environment={"PYTHONPATH": str(BENCH)},
    )
    began = time.monotonic()
    try:
        while child.process.poll() is None:
            if time.monotonic() - began > patience_s:
                raise RuntimeError(f"{name} did not end within {patience_s:.0f} s: {child.tail()}")
            time.sleep(0.1)
            tell(last(child.log, "share") or 0.0)
        found: dict[str, Any] | None = last(child.log, "result")
        if child.process.returncode or found is None:
            raise RuntimeError(f"{name} failed: {child.tail()}")
        return found
    finally:
        child.stop()


def last(log: Path, name: str) -> Any:
    """The value of `name` in the last line that has it; None without one. Lines that are no JSON are passed over."""
    for line in reversed(log.read_bytes().splitlines()[-20:]):
        try:
            told = orjson.loads(line)
        except ValueError:
            continue
        if isinstance(told, dict) and name in told:
            return told[name]
    return None
