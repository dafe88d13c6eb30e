"""What can be set on the `limits` plugin."""

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, Field

from tailrace.config.references import ModelName
from tailrace.config.values import Count
from tailrace.plugin import PluginSettings


class LimitSet(BaseModel):
    """Limits that hold together; what is not given is not limited."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    requests_per_minute: Count | None = Field(default=None, ge=0)
    """Requests in a minute, flowing: what was taken comes back evenly, not at a minute's boundary. 0 refuses all."""
    burst_requests: Count | None = Field(default=None, ge=1)
    """Of them at most so many at once; without it, a minute's."""
    requests_per_day: Count | None = Field(default=None, ge=0)
    """Requests in a day, flowing likewise."""
    tokens_per_minute: Count | None = Field(default=None, ge=0)
    """Tokens in a minute, input and output. Taken when a request comes (its size and what its answer may have at most)
    and settled when the answer is billed. An answer from a cache costs none."""
    burst_tokens: Count | None = Field(default=None, ge=1)
    """Of them at most so many at once; without it, a minute's."""
    concurrency: Count | None = Field(default=None, ge=0)
    """Requests at the same time, until the last byte of their answers."""


class LimitsSettings(PluginSettings):
    """How much may be asked for. All limits that fit a request must have room; then it is taken from all of them, else
    from none. Kept in memory: each process counts for itself."""

    each_tenant: LimitSet = LimitSet()
    """For every tenant by itself."""
    tenants: Mapping[str, LimitSet] = {}
    """By the tenant's name, in place of what `each_tenant` says, limit by limit."""
    models: Mapping[ModelName, LimitSet] = {}
    """For every tenant's requests for a model, by the name that clients use."""
    total: LimitSet = LimitSet()
    """For all tenants together."""
    answer_tokens: Count = Field(default=1_024, ge=0, le=10_000_000)
    """Tokens taken for an answer whose request sets no limit of its own, until its bill is there."""
