"""What can be set on the `defaults` plugin."""

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, field_validator, model_validator

from tailrace.plugin import PluginSettings
from tailrace.wire.canonical import canonical

NOT_TO_BE_SET: Final = {
    "model": "it decides where the request goes",
    "stream": "the client waits for one form of answer",
    "messages": "it is the client's own question",
    "input": "it is the client's own question",
    "prompt": "it is the client's own question",
    "api_key": "credentials belong to `providers`",
    "api_base": "it decides where the request goes",
    "base_url": "it decides where the request goes",
    "api_version": "it decides where the request goes",
    "custom_llm_provider": "it decides where the request goes",
    "organization": "credentials belong to `providers`",
    "headers": "set them in `providers`",
    "extra_headers": "set them in `providers`",
    "extra_query": "it decides where the request goes",
    "extra_body": "write its members as parameters of their own",
}
"""Parameters that no rule may force or default, and why."""

LIMIT_NAMES: Final = ("max_tokens", "max_completion_tokens", "max_output_tokens")
NOT_TO_BE_REMOVED: Final = ("model", "stream", "messages", "input", "prompt")


def _number(value: Any) -> Any:
    """YAML's `true` would pass for 1."""
    if isinstance(value, bool):
        raise ValueError("is a number, not true or false")
    return value


Tokens = Annotated[int, BeforeValidator(_number), Field(ge=1, le=100_000_000)]


class Rule(BaseModel):
    """What happens to the requests it fits. A rule that sets nothing exempts them from the rules below."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    models: list[str] = Field(default=["*"], min_length=1)
    """Models as the client names them; `*`, `?` and `[abc]` as in file names, case counts."""
    tenants: list[str] = Field(default=["*"], min_length=1)
    """Tenants, with the same patterns."""
    max_tokens_cap: Tokens | None = None
    """Most output tokens a client may ask for (`max_tokens`, `max_completion_tokens`, `max_output_tokens`). A larger
    number is lowered to it, a smaller one is kept. With a cap, a number that is no non-negative integer is answered
    400. A request that names no limit is not touched unless `max_tokens_default` is set. Keep it above the thinking
    budgets your clients use: providers refuse a limit below the budget."""
    max_tokens_default: Tokens | None = None
    """Output tokens for requests that name no limit."""
    chat_max_tokens_name: Literal["max_completion_tokens", "max_tokens"] = "max_completion_tokens"
    """Under which name chat requests are given `max_tokens_default`; older servers know only `max_tokens`."""
    temperature: Annotated[float, BeforeValidator(_number), Field(ge=0, le=2)] | None = None
    """Temperature (0 to 2) for requests that name none."""
    default: dict[str, JsonValue] = Field(default_factory=dict)
    """Parameters for requests that do not have them (or have null)."""
    force: dict[str, JsonValue] = Field(default_factory=dict)
    """Parameters set whatever the client says; `max_tokens_cap` still holds for them."""
    remove: list[str] = Field(default_factory=list)
    """Parameters taken out of the request."""
    history_messages: Annotated[int, BeforeValidator(_number), Field(ge=1, le=100_000)] | None = None
    """Most messages (Responses: input items) kept of the history, leading system messages not counted. Tool calls and
    their answers stay together. Responses that continue a stored conversation are not cut."""
    history_step: Annotated[int, BeforeValidator(_number), Field(ge=1, le=100_000)] | None = None
    """Messages are dropped in multiples of this (a quarter of `history_messages` if not set), so that the beginning
    stays the same for several turns: the provider's prefix cache is lost once a step, not on every turn."""

    @field_validator("default", "force")
    @classmethod
    def _settable(cls, given: dict[str, Any]) -> dict[str, Any]:
        for name, value in given.items():
            if name in NOT_TO_BE_SET:
                raise ValueError(f"{name!r} cannot be set by a rule: {NOT_TO_BE_SET[name]}")
            try:
                canonical(value)
            except (ValueError, TypeError):
                raise ValueError(f"{name!r} has a value that JSON cannot hold") from None
        return given

    @field_validator("remove")
    @classmethod
    def _removable(cls, given: list[str]) -> list[str]:
        for name in given:
            if name in NOT_TO_BE_REMOVED:
                raise ValueError(f"{name!r} cannot be removed: a request is nothing without it")
        return given

    @model_validator(mode="after")
    def _agrees(self) -> "Rule":
        seen: dict[str, str] = {}
        lists: dict[str, Any] = {"remove": self.remove, "force": self.force, "default": self.default}
        for where, names in lists.items():
            for name in names:
                if seen.setdefault(name, where) != where:
                    raise ValueError(f"{name!r} stands both in {seen[name]!r} and in {where!r}")
        if self.temperature is not None and "temperature" in seen:
            raise ValueError(f"'temperature' stands both by itself and in {seen['temperature']!r}")
        for where in ("force", "default"):
            for name, value in lists[where].items():
                if name in LIMIT_NAMES and (type(value) is not int or value < 0):
                    raise ValueError(f"{name!r} in {where!r} must be a non-negative integer")
        cap, default = self.max_tokens_cap, self.max_tokens_default
        if cap is not None and default is not None and default > cap:
            raise ValueError("max_tokens_default is above max_tokens_cap")
        if self.history_step is not None:
            if self.history_messages is None:
                raise ValueError("history_step needs history_messages")
            if self.history_step > self.history_messages:
                raise ValueError("history_step is above history_messages")
        return self


class DefaultsSettings(PluginSettings):
    """Settings of the `defaults` plugin."""

    rules: list[Rule] = Field(default_factory=list, max_length=1000)
    """Read from the top; the first one that fits the model and the tenant applies, and no other. Write special rules
    above general ones."""
