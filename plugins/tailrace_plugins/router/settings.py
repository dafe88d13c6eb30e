"""What can be set on the `router` plugin."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from tailrace.config.references import ModelName
from tailrace.config.values import Count, Seconds, Share
from tailrace.plugin import PluginSettings
from tailrace_plugins.router.cascade.settings import CascadeSettings
from tailrace_plugins.router.policy.tiers import Tier
from tailrace_plugins.router.scorer import Scorer

Prefer = Literal["quality", "balanced", "cost", "speed"]

QUALITY: Final[Mapping[Prefer, float]] = {"quality": 0.99, "balanced": 0.95, "cost": 0.9, "speed": 0.9}
"""The share of the strong model's gain that each preference keeps, where `quality` is not set."""


class TierTarget(BaseModel):
    """Where the requests of a tier go."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    model: ModelName
    """A model as clients may ask for it: a name of the `models` section, or, without one, of the first provider."""
    max_tokens: Annotated[Count, Field(ge=1, le=100_000_000)] | None = None
    """Most output tokens: for requests that name no limit, and instead of larger ones."""
    temperature: Annotated[Share, Field(ge=0, le=2)] | None = None
    """Temperature for requests that name none."""


class RouterSettings(PluginSettings):
    """Settings of the `router` plugin."""

    tiers: dict[Tier, TierTarget] = Field(default_factory=dict)
    """Tier (`trivial`, `simple`, `moderate`, `complex`, `expert`) -> model, in short form `simple: gpt-4o-mini`. A tier
    that is not named takes the next stronger one's, the strongest the one below. Without any, known providers have
    tiers of their own (see the README)."""
    default: ModelName | None = None
    """The model that savings are compared with, and that is asked where no tier's can serve. If not set, the one that
    stands in for the requested name; where `auto` has none, the complex tier's."""
    mode: Literal["learned", "rules"] = "learned"
    """How complexity is judged: `learned` from outcomes, or by readable `rules`."""
    prefer: Prefer = "balanced"
    """`quality` keeps 99% of the strong model's gain, `balanced` 95%, `cost` and `speed` 90%; `speed` also takes the
    fastest of the models at or above the tier whose speed is known."""
    quality: Annotated[Share, Field(gt=0, le=1)] | None = None
    """The share of the strong model's gain over the cheap one that routing shall keep, instead of `prefer`'s."""
    act_on: Literal["routed", "listed"] = "routed"
    """Which requests are routed: `routed`, those that ask for `auto` or a model with `route: true`; `listed`, also
    those that ask for any other configured or tier's model, which then get that one or a cheaper one."""
    sticky: bool = True
    """Whether a session keeps its model: it moves up when a request is harder or signs of failure appear, and down only
    when that pays for writing the provider's prefix cache anew. Without it every request is routed by itself."""
    cache_ttl_s: Seconds = 300.0
    """How long providers keep a prefix in their cache after its last use."""
    embed: Literal["reuse", "always"] = "reuse"
    """Whether the question's vector is used only where the semantic cache has made it anyway, or made for the router
    alone, too (about 10 ms; needs the `semantic` extra). For `mode: learned`."""
    weights: Path | None = None
    """Weights made by `tailrace router train`, instead of the shipped ones."""
    cascade: CascadeSettings = CascadeSettings()
    """Whether the cheap model answers first and its answer is judged."""

    @field_validator("tiers", mode="before")
    @classmethod
    def _short_form(cls, given: Any) -> Any:
        """`simple: gpt-4o-mini` is `simple: {model: gpt-4o-mini}`."""
        if not isinstance(given, Mapping):
            return given
        return {tier: {"model": target} if isinstance(target, str) else target for tier, target in given.items()}

    @model_validator(mode="after")
    def _has_weights(self) -> "RouterSettings":
        """A file that is none is a mistake in the configuration, not in the first request."""
        if self.weights is not None:
            Scorer(self.mode, self.weights)
        return self

    @property
    def kept_quality(self) -> float:
        """The quality target in force."""
        return self.quality if self.quality is not None else QUALITY[self.prefer]
