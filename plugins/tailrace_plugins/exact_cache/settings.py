"""What can be set on the `exact_cache` plugin."""

from fnmatch import fnmatchcase
from typing import Literal

from pydantic import Field

from tailrace.config.values import Count, Seconds, Secret
from tailrace.plugin import PluginSettings
from tailrace.wire.endpoints import EndpointKind

CachedKind = Literal["chat", "completions", "embeddings", "responses", "messages"]


class ExactCacheSettings(PluginSettings):
    """Repeated requests, answered without a provider."""

    when: Literal["deterministic", "all"] = "deterministic"
    """Which requests: `deterministic` those that ask for the same answer every time (temperature 0, a seed, all
    embeddings), so that no answer changes; `all` every request that may be cached."""
    ttl: Seconds = 3600.0
    """How long an answer is served."""
    ttl_by_endpoint: dict[CachedKind, Seconds] = Field(default_factory=dict)
    """Other times for `chat`, `completions`, `embeddings`, `responses`, `messages`."""
    ttl_by_model: dict[str, Seconds] = Field(default_factory=dict)
    """Other times by model as the client names it (`*`, `?`, `[abc]` as in file names); the first that fits, before
    `ttl_by_endpoint`."""
    memory_bytes: Count = Field(default=67_108_864, ge=0)
    """Most bytes of answers kept in memory; the least recently used go first."""
    disk: bool = True
    """Whether answers also go to a file in `data_dir`, readable by this user alone, and survive a restart."""
    disk_bytes: Count = Field(default=1_073_741_824, gt=0)
    """Most bytes of answers in that file (which all caches share; the first one's bound holds)."""
    redis: Secret | None = None
    """`redis://…` instead of memory and file: one cache for several processes. Needs the `redis` extra."""
    max_answer_bytes: Count = Field(default=2_097_152, gt=0)
    """Largest answer that is kept, or shared while it comes."""
    single_flight: bool = True
    """Whether equal requests that come while the first is under way wait for its answer."""
    wait_s: Seconds = 60.0
    """How long they wait before they ask for themselves."""

    def ttl_for(self, kind: EndpointKind, model: str) -> float:
        """Seconds that an answer of this model at this endpoint is served."""
        for pattern, ttl in self.ttl_by_model.items():
            if fnmatchcase(model, pattern):
                return ttl
        return next((ttl for name, ttl in self.ttl_by_endpoint.items() if name == kind.value), self.ttl)
