"""The proxies that are compared: Tailrace with one cache or another, and LiteLLM's with its own."""

from __future__ import annotations

import http.client
from pathlib import Path
from typing import Any, ClassVar

import orjson
import psutil

from benchkit.subjects import LiteLLM, Place, Tailrace


class CachedTailrace(Tailrace):
    """Tailrace with a preset and nothing else; its cache is the preset's, its files are kept from start to start."""

    exact = False  # a hit is a new answer: it has its own id and time
    chain: ClassVar[dict[str, Any]] = {"preset": "safe"}
    admin_port = 0
    sections: frozenset[str] | set[str] = frozenset(("admin", "data_dir"))

    def config(self, place: Place) -> dict[str, object]:
        """The configuration, as a user would write it."""
        config = super().config(place)
        del config["plugins"]
        admin: dict[str, Any] = config["admin"]  # type: ignore[assignment]
        self.admin_port = admin["port"]
        return config | self.chain

    def caches(self) -> dict[str, Any]:
        """What `GET /cache` on the admin port says of each cache."""
        connection = http.client.HTTPConnection("127.0.0.1", self.admin_port, timeout=60)
        try:
            connection.request("GET", "/cache")
            told: dict[str, Any] = orjson.loads(connection.getresponse().read())["caches"]
            return told
        finally:
            connection.close()

    def processes(self) -> tuple[psutil.Process, list[psutil.Process]]:
        """The proxy, and the processes it started (the embedding one)."""
        assert self.child is not None
        return self.child.tree()[0], self.child.tree()[1:]

    def stop_gently(self) -> None:
        """Stop, with time to write a big index."""
        child, self.child = self.child, None
        if child:
            child.stop(patience_s=60.0)


class Safe(CachedTailrace):
    """The exact cache, as `preset: safe` has it."""

    name = "tailrace"
    title = "Tailrace, preset safe"


class Off(CachedTailrace):
    """No plugin at all."""

    name = "off"
    title = "Tailrace, preset off"
    chain: ClassVar[dict[str, Any]] = {"preset": "off"}


class Balanced(CachedTailrace):
    """Both caches, as `preset: balanced` has them."""

    name = "balanced"
    title = "Tailrace, preset balanced"
    ready_s = 60.0
    chain: ClassVar[dict[str, Any]] = {"preset": "balanced"}


class Unsemantic(CachedTailrace):
    """`preset: balanced` without the semantic cache."""

    name = "unsemantic"
    title = "Tailrace, preset balanced without semantic_cache"
    chain: ClassVar[dict[str, Any]] = {"preset": "balanced", "plugins": [{"exact_cache": {}}]}


class CachedLiteLLM(LiteLLM):
    """LiteLLM's proxy with its in-memory cache, as its documentation turns it on."""

    title = "LiteLLM proxy, cache type local"
    more: ClassVar[dict[str, object]] = {
        "litellm_settings": {"cache": True, "cache_params": {"type": "local"}},
    }


def rss_mb(process: psutil.Process) -> float:
    """Resident memory of one process."""
    return float(process.memory_info().rss) / 1e6


def peak_mb(process: psutil.Process) -> float | None:
    """The most resident memory it ever had; None where the kernel does not say."""
    try:
        lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    except OSError:
        return None
    kb = [int(line.split()[1]) for line in lines if line.startswith("VmHWM:")]
    return kb[0] * 1024 / 1e6 if kb else None
