"""Requests with the answers they were given, kept as lines of JSON to be learnt from."""

import asyncio
import logging
import os
import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from tailrace.exchange import Exchange
from tailrace.tasks import Tasks
from tailrace.wire import jsonio
from tailrace_plugins.router.cascade.reading import Answer

_log = logging.getLogger("tailrace.router")

NAME: Final = "pairs.jsonl"
OLDER: Final = "pairs.jsonl.1"

_ASKED: Final = (
    "messages",
    "system",
    "instructions",
    "input",
    "prompt",
    "suffix",
    "tools",
    "functions",
    "tool_choice",
    "response_format",
    "text",
    "output_config",
)
"""What of a request is kept: what an answer is an answer to."""

MOST_ROW_BYTES: Final = 1_048_576
"""Larger rows are not kept."""
_MOST_WAITING: Final = 64
"""Rows that wait for the disk; those that come then are not kept."""

_writing: Final = threading.Lock()
"""One for the process: during a reload two instances write the same file."""


def row_of(
    exchange: Exchange,
    *,
    at_s: float,
    models: tuple[str, str],
    confidence: float,
    cheap: Answer | None,
    strong: Answer | None,
) -> dict[str, Any]:
    """A pair as it is kept. `at_s` is seconds since the epoch; `models` the cheap and the strong one's names; `cheap`
    is None where only a beginning of it is known, `strong` where it was not asked.
    """
    return {
        "at": datetime.fromtimestamp(at_s, UTC).isoformat(timespec="seconds"),
        "tenant": exchange.tenant,
        "session": exchange.session,
        "shape": exchange.endpoint.shape,
        "model_cheap": models[0],
        "model_strong": models[1],
        "accepted": strong is None,
        "confidence": round(confidence, 4),
        "request": {name: exchange.payload[name] for name in _ASKED if name in exchange.payload},
        "cheap": cheap.as_message() if cheap is not None else None,
        "strong": strong.as_message() if strong is not None else None,
    }


class Pairs:
    """The file of pairs. Rows are appended in the background, one write each, so that a kill costs at most the last
    one.

    With `OLDER` it holds at most `most_bytes`: at half of that the file becomes the older one, and that one is gone.
    """

    def __init__(self, folder: Path, most_bytes: int, tasks: Tasks) -> None:
        self._folder = folder
        self._half_bytes = most_bytes // 2
        self._tasks = tasks
        self._waiting = 0
        self.kept = 0
        self.failed = 0
        """Rows that were too large, came too fast, or could not be written."""

    def keep(self, row: Mapping[str, Any]) -> None:
        """Append a row, soon. Never raises."""
        if self._waiting >= _MOST_WAITING:
            self.failed += 1
            return
        self._waiting += 1
        self._tasks.spawn(self._keep(row), "router-pair")

    async def _keep(self, row: Mapping[str, Any]) -> None:
        try:
            await asyncio.to_thread(self._append, row)
            self.kept += 1
        except (OSError, ValueError, TypeError) as error:
            # TypeError: orjson refuses to write some of what it has read (nested beyond its limit).
            self.failed += 1
            _log.warning("a pair could not be kept: %s", type(error).__name__)
        finally:
            self._waiting -= 1

    def _append(self, row: Mapping[str, Any]) -> None:
        line = jsonio.dumps(row) + b"\n"
        if len(line) > min(MOST_ROW_BYTES, self._half_bytes):
            raise ValueError("the row is too large")
        path = self._folder / NAME
        with _writing:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if path.exists() and path.stat().st_size + len(line) > self._half_bytes:
                path.replace(self._folder / OLDER)
            handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                size = os.fstat(handle).st_size
                if size and os.pread(handle, 1, size - 1) != b"\n":
                    # A kill or a full disk left half a line.
                    line = b"\n" + line
                if os.write(handle, line) != len(line):
                    raise OSError("the disk took half a row")
            finally:
                os.close(handle)


def read_pairs(folder: Path) -> Iterator[dict[str, Any] | None]:
    """All rows of `folder`, the oldest first; None for a line that is none (half-written, say)."""
    for name in (OLDER, NAME):
        path = folder / name
        if not path.exists():
            continue
        with path.open("rb") as lines:
            for line in lines:
                if line.strip():
                    yield _row(line)


def _row(line: bytes) -> dict[str, Any] | None:
    try:
        row = jsonio.loads_object(line)
    except jsonio.BadJson:
        return None
    return row if isinstance(row.get("request"), dict) and row.get("shape") else None
