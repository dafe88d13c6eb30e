"""What a cache keeps: an answer, whose it is, what it cost, and when it is too old."""

from dataclasses import dataclass, field

_OVERHEAD_BYTES = 700
"""What an entry costs in memory beside its texts: objects, index rows, dictionary slots (measured, rounded up)."""


@dataclass(frozen=True, slots=True)
class Saved:
    """What serving the entry spares: tokens, dollars at billed rates (None: no price known) and seconds."""

    input_tokens: int = 0
    output_tokens: int = 0
    usd: float | None = None
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Entry:
    """A stored answer. Times are wall-clock seconds since the epoch.

    `cache` is the name of the plugin that keeps it; `key` the fingerprint of its request, tenant included. `body` is
    the whole answer as JSON. `frames` are the events it came in, zlib-compressed, where it came as a stream; `usage`
    tells whether the answer reports token usage. `question` is the last user message, for invalidation by pattern.
    `partition` and `vector` are a semantic entry's.
    """

    cache: str
    key: str
    tenant: str
    kind: str
    model: str
    created: float
    expires: float
    body: bytes
    frames: bytes = b""
    usage: bool = True
    question: str = ""
    tags: tuple[str, ...] = ()
    saved: Saved = field(default_factory=Saved)
    partition: str = ""
    vector: bytes = b""

    @property
    def size_bytes(self) -> int:
        """What it takes, in memory or on disk, overhead included."""
        texts = len(self.body) + len(self.frames) + len(self.vector) + len(self.question) + len(self.model)
        return texts + sum(map(len, self.tags)) + _OVERHEAD_BYTES

    def age_s(self, now: float) -> int:
        """Whole seconds since it was stored, never negative (RFC 9111, section 5.1)."""
        return max(0, int(now - self.created))

    def fresh(self, now: float) -> bool:
        """Whether it may be served at `now`. One from the future (the clock was set back) is no longer trusted."""
        return self.created - 60 <= now < self.expires
