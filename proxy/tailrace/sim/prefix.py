"""The provider's prefix cache, as OpenAI and Anthropic document theirs.

OpenAI (platform.openai.com/docs/guides/prompt-caching): automatic, from 1024 tokens on, in steps of 128, kept 5 to 10
minutes. Anthropic (docs.anthropic.com, prompt caching): only up to the `cache_control` marks, 5 minutes or an hour,
refreshed by use; a read looks back at most 20 blocks before each mark.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b

from .settings import SimSettings
from .tokens import Segment

LOOKBACK_SEGMENTS = 20
# No model takes more; hashing it block by block would only stall the loop.
_MOST_TOKENS = 1_000_000


@dataclass(frozen=True, slots=True)
class Mark:
    """A `cache_control` mark: everything up to and including segment `index` is to be kept for `ttl_s`."""

    index: int
    ttl_s: float


@dataclass(frozen=True, slots=True)
class MarkedUse:
    """What a request with marks read and wrote, in tokens."""

    read: int = 0
    written_5m: int = 0
    written_1h: int = 0


def block_digests(scope: bytes, segments: Sequence[Segment], block_tokens: int) -> Iterator[bytes]:
    """Yield one digest for each full block of the prefix; each depends on all text before its end."""
    digest = blake2b(scope, digest_size=16)
    room = block_tokens
    for segment in segments:
        token = char = 0
        while segment.count - token >= room:
            token += room
            end = segment.end_of(token)
            digest.update(segment.text[char:end].encode())
            yield digest.digest()
            char, room = end, block_tokens
        digest.update(segment.text[char:].encode())
        digest.update(b"\0")
        room -= segment.count - token


class PrefixCache:
    """Digests of prefixes seen, each with the moment it lapses; least recently used go first.

    Keyed by credential and model through `scope`: nothing one key sent is ever a hit for another.
    """

    def __init__(self, settings: SimSettings, now: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._now = now
        self._lapses: OrderedDict[bytes, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._lapses)

    def automatic(self, credential: str, model: str, segments: Sequence[Segment]) -> int:
        """Return how many tokens of the prefix were cached, and keep the whole prefix from now on.

        A multiple of the block size; 0 below the minimum and above a million tokens; never the whole prompt, whose
        last token is always computed.
        """
        block = self._settings.cache_block_tokens
        total = sum(segment.count for segment in segments)
        if not self._settings.cache_min_tokens <= total <= _MOST_TOKENS:
            return 0
        now = self._now()
        lapse = now + self._settings.cache_ttl_s
        hits, hitting = 0, True
        for digest in block_digests(_scope(credential, model), segments, block):
            hitting = hitting and self._lapses.get(digest, 0.0) > now
            hits += hitting
            self._keep(digest, lapse)
        cached = min(hits, (total - 1) // block) * block
        return cached if cached >= self._settings.cache_min_tokens else 0

    def marked(self, credential: str, model: str, segments: Sequence[Segment], marks: Sequence[Mark]) -> MarkedUse:
        """Return what was read up to the marks and what was newly written; without marks nothing is either."""
        if not marks:
            return MarkedUse()
        ends = list(_segment_ends(_scope(credential, model), segments))
        now = self._now()
        read = 0
        for mark in marks:
            for index in range(mark.index, max(-1, mark.index - LOOKBACK_SEGMENTS), -1):
                digest, tokens = ends[index]
                if self._lapses.get(digest, 0.0) > now:
                    read = max(read, tokens)
                    self._keep(digest, max(self._lapses[digest], now + self._settings.cache_ttl_s))
                    break
        written = {300.0: 0, 3600.0: 0}
        done = read
        for mark in marks:
            digest, tokens = ends[mark.index]
            if tokens < self._settings.cache_min_tokens:
                continue
            self._keep(digest, max(self._lapses.get(digest, 0.0), now + mark.ttl_s))
            if tokens > done:
                written[3600.0 if mark.ttl_s > self._settings.cache_ttl_s else 300.0] += tokens - done
                done = tokens
        return MarkedUse(read, written[300.0], written[3600.0])

    def _keep(self, digest: bytes, lapse: float) -> None:
        self._lapses[digest] = lapse
        self._lapses.move_to_end(digest)
        if len(self._lapses) > self._settings.cache_blocks:
            self._lapses.popitem(last=False)


def _scope(credential: str, model: str) -> bytes:
    return f"{credential}\0{model}\0".encode()


def _segment_ends(scope: bytes, segments: Sequence[Segment]) -> Iterator[tuple[bytes, int]]:
    """Yield, after each segment, the digest of all so far and its number of tokens."""
    digest = blake2b(scope + b"marked\0", digest_size=16)
    tokens = 0
    for segment in segments:
        digest.update(segment.text.encode())
        digest.update(b"\0")
        tokens += segment.count
        yield digest.digest(), tokens
