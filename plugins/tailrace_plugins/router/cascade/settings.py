"""What can be set on the router's cascade."""

from pydantic import BaseModel, ConfigDict, Field

from tailrace.config.values import Count, Seconds, Share


class CascadeSettings(BaseModel):
    """The cheap model answers first; an answer that seems doubtful is dropped, and the strong model is asked."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    enabled: bool = False
    """Whether to do so at all. An escalated request costs both answers and the time of the first."""
    accept: Share = Field(default=0.7, ge=0, le=1)
    """Confidence (0 to 1) from which on the client gets the cheap answer; one that is plainly wrong (no answer, broken
    JSON, an unknown tool) it never gets. An answer of which neither log probabilities nor further samples are known,
    and against which nothing speaks, has 0.8: above that all such are escalated."""
    logprobs: bool = True
    """Whether chat providers are asked for log probabilities to judge by. A client that did not ask for them does not
    see them; a model that refuses them is asked without, from then on until a restart."""
    samples: Count = Field(default=0, ge=0, le=8)
    """Further answers of the cheap model to compare its answer with. Each is billed like the first, and streams are
    held until the answer is whole."""
    hold_tokens: Count = Field(default=48, gt=0, le=100_000)
    """How many tokens of a stream's answer are held back before the decision. Answers in JSON, and those that call a
    tool, are held whole."""
    hold_s: Seconds = 3.0
    """How long they are held at most, in seconds from the first event: of a model that thinks longer than that before
    it answers, nothing is known and the answer is accepted as such. Also how long samples are waited for once the
    answer itself is whole."""
    keep_pairs: bool = False
    """Whether requests and their answers are kept in `data_dir/router/pairs.jsonl`, readable by this user alone, for
    `tailrace router export`. They hold prompts. Never those of clients that send `x-tailrace-no-store`."""
    max_pairs_bytes: Count = Field(default=67_108_864, ge=65_536)
    """Most bytes of kept pairs; the older half makes room."""
