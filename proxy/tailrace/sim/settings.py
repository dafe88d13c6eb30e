"""What an operator may set on the simulated provider."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SimSettings:
    """Settings of one simulated provider; the defaults resemble a hosted model of middling speed.

    `first_token_ms` is the time to the first token of a short prompt that nothing is cached of: a longer prompt
    takes longer and a cached prefix shorter (see `pace.first_token_ms`). `jitter` is the largest share by which a
    delay is stretched or shrunk. With `first_token_ms` and `per_token_ms` both 0 nothing ever sleeps.

    `rounds` is how many rounds of tool calls an agent is led through before the final text. `keys`, if any, are the
    only API keys accepted; without them any key, or none, is. `journal_bytes` bounds the request bodies kept for
    `/_journal`: beyond it the oldest bodies are let go and their hashes stay.
    """

    first_token_ms: float = 300.0
    per_token_ms: float = 15.0
    jitter: float = 0.2
    seed: int = 0
    rounds: int = 9
    cache_min_tokens: int = 1024
    cache_block_tokens: int = 128
    cache_ttl_s: float = 300.0
    cache_blocks: int = 200_000
    journal_size: int = 1000
    journal_bytes: int = 64 * 1024 * 1024
    stored_responses: int = 1000
    max_body_bytes: int = 256 * 1024 * 1024
    keys: tuple[str, ...] = ()
