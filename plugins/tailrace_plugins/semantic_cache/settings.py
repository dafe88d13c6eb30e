"""What can be set on the `semantic_cache` plugin."""

from pydantic import Field

from tailrace.config.references import ModelName
from tailrace.config.values import Count, Seconds, Share
from tailrace.plugin import PluginSettings


class SemanticCacheSettings(PluginSettings):
    """Questions that mean the same, answered without a provider. The model behind it is configured in `embedder`."""

    ttl: Seconds = 3600.0
    """How long an answer is served."""
    max_false_hit_rate: Share = Field(default=0.01, ge=0, le=0.2)
    """How many of the questions that need another answer may be given a stored one: the verifier's strictness. 0 lets
    only texts pass that are equal but for spelling."""
    max_temperature: Share = Field(default=0.3, ge=0, le=2)
    """Requests with a higher temperature want different answers; one that names none is served."""
    max_question_chars: Count = Field(default=1000, gt=0, le=2000)
    """Longer questions are neither looked up nor kept: texts of that size hardly ever mean the same."""
    max_history_messages: Count = Field(default=8, ge=0)
    """Requests with more messages before the question are left alone: no other conversation has the same history."""
    candidates: Count = Field(default=6, gt=0, le=50)
    """How many of the nearest questions the verifier looks at."""
    max_answer_bytes: Count = Field(default=1_048_576, gt=0)
    """Largest answer that is kept."""
    index_bytes: Count = Field(default=402_653_184, ge=1_048_576)
    """Most memory for the vectors; the questions least recently asked about make room (and stay on disk)."""
    disk_bytes: Count = Field(default=1_073_741_824, gt=0)
    """Most bytes of answers in `data_dir` (in a file that all caches share; the first one's bound holds)."""
    shadow_share: Share = Field(default=0.0, ge=0, le=1)
    """Share of hits that are also asked upstream, in the background, and compared. Its cost is subtracted from what
    was saved. Questions around which too many answers differ are no longer served (until a restart)."""
    shadow_agreement: Share = Field(default=0.8, ge=0, le=1)
    """Cosine from which on two answers count as the same."""
    judge_model: ModelName | None = None
    """A cheap model, named as a client would, that is asked in the background about near misses. Its yes is remembered
    for the next time the question is asked; nobody ever waits for it."""
    judge_from: Share = Field(default=0.9, ge=0, le=1)
    """Similarity from which on a near miss is worth asking the judge."""
