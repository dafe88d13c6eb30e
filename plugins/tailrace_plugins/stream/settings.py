"""What can be set on the `stream` plugin."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from tailrace.config.values import seconds
from tailrace.plugin import PluginSettings


def _number(value: Any) -> Any:
    """YAML's `true` would pass for 1."""
    if isinstance(value, bool):
        raise ValueError("is a number, not true or false")
    return value


class StreamSettings(PluginSettings):
    """Settings of the `stream` plugin; each option is off unless it is set."""

    coalesce_chunks: Annotated[int, BeforeValidator(_number), Field(ge=2, le=1000)] | None = None
    """Text chunks that are joined into one event (2 to 1000). The first chunk of a text is never held back."""
    coalesce_ms: Annotated[float, BeforeValidator(_number), Field(gt=0, le=5000)] | None = None
    """Longest time in milliseconds that text is held back to be joined (over 0, at most 5000). A chunk that comes later
    than this after the last one goes on at once. With only `coalesce_chunks` set it is 100."""
    text_only: bool = False
    """Strip what a plain reader of the text does not need: log-probabilities, obfuscation, fingerprints, reasoning,
    filter results, empty deltas. Requests that offer tools are left as they are; so is `/v1/messages`."""
    keep_alive_s: Annotated[float, BeforeValidator(_number), BeforeValidator(seconds), Field(ge=1, le=300)] | None = (
        None
    )
    """Send the comment `: ping` after each such silence (1 to 300 seconds), also before the answer begins. From the
    first one on the status is 200: errors come in-band, and the provider's response headers are not passed on."""
    replay_chars_per_s: Annotated[float, BeforeValidator(_number), Field(ge=1, le=1_000_000)] | None = None
    """Pace of answers that come from a cache, in characters of text per second (1 to 1000000); never more than one
    second between two events. Such answers are not coalesced."""
    replay_events_per_s: Annotated[float, BeforeValidator(_number), Field(ge=1, le=100_000)] | None = None
    """The same in events per second (1 to 100000). Set this or `replay_chars_per_s`, not both."""

    @model_validator(mode="after")
    def _one_pace(self) -> "StreamSettings":
        if self.replay_chars_per_s is not None and self.replay_events_per_s is not None:
            raise ValueError("set replay_chars_per_s or replay_events_per_s, not both")
        return self

    @property
    def coalesces(self) -> bool:
        """Whether chunks are joined."""
        return self.coalesce_chunks is not None or self.coalesce_ms is not None

    @property
    def paces(self) -> bool:
        """Whether replays are paced."""
        return self.replay_chars_per_s is not None or self.replay_events_per_s is not None
