"""All caches of a proxy in one place: the file they share, and who can be asked for statistics or to forget."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from tailrace.cache.disk import Disk
from tailrace.cache.selector import Selector

_log = logging.getLogger("tailrace.cache")


class Cache(Protocol):
    """What a plugin that caches lets the operator do with it."""

    async def statistics(self) -> dict[str, Any]:
        """What it counts and holds, as JSON."""

    async def purge(self, selector: Selector) -> int:
        """Forget what fits; how many entries."""


class Caches:
    """Lives as long as the proxy. A plugin announces its cache at start and withdraws it at stop.

    During a reload the old and the new instance of a plugin stand here side by side: both must forget what is purged.
    """

    def __init__(self) -> None:
        self._caches: list[tuple[str, Cache]] = []
        self._disks: dict[Path, Disk] = {}

    def disk(self, folder: Path, max_bytes: int, wall_s: Callable[[], float]) -> Disk | None:
        """The file in `folder`, opened by whoever asks first (whose bound holds); None where it cannot be written."""
        path = folder / "cache.sqlite"
        if path not in self._disks:
            try:
                self._disks[path] = Disk(path, max_bytes, wall_s)
            except OSError as error:
                _log.warning("the cache lives in memory only: %s", error)
                return None
        return self._disks[path]

    def announce(self, name: str, cache: Cache) -> None:
        """A cache is there."""
        self._caches.append((name, cache))

    def withdraw(self, cache: Cache) -> None:
        """A cache is gone."""
        self._caches = [(name, other) for name, other in self._caches if other is not cache]

    @property
    def names(self) -> tuple[str, ...]:
        """The caches there are."""
        return tuple(dict.fromkeys(name for name, _ in self._caches))

    async def statistics(self) -> dict[str, Any]:
        """By cache; of the newest instance where there are two."""
        return {name: await cache.statistics() for name, cache in self._caches}

    async def purge(self, selector: Selector) -> dict[str, int]:
        """Entries forgotten, by cache."""
        gone: dict[str, int] = {}
        for name, cache in self._caches:
            if selector.cache is None or selector.cache == name:
                gone[name] = gone.get(name, 0) + await cache.purge(selector)
        return gone

    async def aclose(self) -> None:
        """Write what waits to be written, and close the files."""
        for disk in self._disks.values():
            await asyncio.to_thread(disk.close)
        self._disks.clear()
