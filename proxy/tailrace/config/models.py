"""What can be configured. Every field has a docstring: the reference in `docs/configuration.md` is made from them."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from tailrace.config.presets import Preset
from tailrace.config.values import Count, HttpUrl, Port, Seconds, Secret, Share
from tailrace.embed.settings import EmbedderSettings


class Section(BaseModel):
    """A part of the configuration: unknown keys are refused, values never change after load."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Server(Section):
    """The side the clients talk to."""

    host: str = "127.0.0.1"
    """Address to listen on. Beyond loopback, provider keys of yours need `keys`."""
    port: Port = 8080
    """Port to listen on."""
    max_body_bytes: Count = Field(default=33_554_432, gt=0)
    """Largest body of a JSON request, in bytes; uploads on passthrough paths are streamed and not bounded by it."""
    max_in_flight: Count = Field(default=2000, gt=0)
    """Requests served at once; one more is answered 503 while health and admin go on."""
    header_timeout_s: Seconds = 10.0
    """Time a client has to send a request's head."""
    body_idle_s: Seconds = 30.0
    """Longest silence while a client sends a body; after the first 10 s it must also average 1 KB/s."""
    write_stall_s: Seconds = 60.0
    """A client that reads nothing for so long is given up."""
    drain_s: Seconds = 30.0
    """Time that answers in flight have to finish after SIGTERM; what is left is ended in-band."""
    keep_alive_s: Seconds = 75.0
    """Idle client connections are closed after this time."""


class Admin(Section):
    """The operator's port: health, readiness and metrics."""

    enabled: bool = True
    """Whether the admin port is opened."""
    host: str = "127.0.0.1"
    """Address of the admin port."""
    port: Port = 8081
    """Port of the admin API."""
    token: Secret | None = None
    """Bearer token for everything but `/livez` and `/readyz`; required beyond loopback."""


class Deadlines(Section):
    """How long an upstream request may take. Every attempt fits into what is left of the total."""

    connect_s: Seconds = 5.0
    """Until the connection (TLS included) stands."""
    first_event_s: Seconds = 30.0
    """Until the first real event of a stream. Whole answers have `total_s`, since they arrive all at once."""
    idle_s: Seconds = 60.0
    """Longest silence between bytes once an answer has begun."""
    total_s: Seconds = 600.0
    """For the whole exchange, retries and fallbacks included."""


class DeadlineOverrides(Section):
    """The deadlines of one provider or model; what is not set comes from `upstream`."""

    connect_s: Seconds | None = None
    """Instead of `upstream.connect_s`."""
    first_event_s: Seconds | None = None
    """Instead of `upstream.first_event_s`; raise it for models that think for long."""
    idle_s: Seconds | None = None
    """Instead of `upstream.idle_s`."""
    total_s: Seconds | None = None
    """Instead of `upstream.total_s`."""


class Upstream(Deadlines):
    """How providers are called; a provider or model may override the deadlines."""

    retries: Count = Field(default=1, ge=0, le=5)
    """Retries on the same target after a failure that may be repeated; fallbacks come on top."""
    retry_budget: Share = Field(default=0.2, ge=0, le=1)
    """Retries under way at once, as a share of the requests in flight (at least 3)."""
    retry_after_max_s: Seconds = 10.0
    """A provider that asks for a longer wait than this is not retried; its answer goes to the client."""
    eject_after: Count = Field(default=5, ge=1)
    """Failures in a row after which a target is left out for a while; the last one never is."""
    eject_s: Seconds = 30.0
    """How long the first time; it grows with each ejection, to 300 s at most."""
    max_answer_bytes: Count = Field(default=67_108_864, gt=0)
    """Largest whole (not streamed) answer that is read from a provider, in bytes."""
    stream_usage: Literal["as_asked", "always"] = "as_asked"
    """`always` asks providers to report usage in chat streams and hides the report from clients that did not ask."""


class Provider(Section):
    """A place that answers model calls."""

    base_url: HttpUrl | None = None
    """Where its API begins, version included (`https://api.openai.com/v1`); not needed for `litellm`."""
    api_key: Secret | None = None
    """Your key there. Without it, the client's own key is passed on."""
    dialect: Literal["openai", "anthropic", "azure", "litellm"] = "openai"
    """How it is spoken to: `openai` for everything compatible, `litellm` for the rest (needs the extra)."""
    api_version: str | None = None
    """Azure's `api-version`; required there."""
    headers: dict[str, Secret] = Field(default_factory=dict)
    """Headers added to every request, such as an organisation's; their values are treated as secrets."""
    litellm_provider: str | None = None
    """litellm's name of the provider (`bedrock`, `gemini` …); the section's own name without it."""
    deadlines: DeadlineOverrides = DeadlineOverrides()
    """Deadlines of this provider."""
    propagate_trace: bool = True
    """Whether the provider is sent `traceparent`. Baggage is never sent."""
    max_connections: Count = Field(default=0, ge=0)
    """Most connections at once; 0 sets no bound."""
    keep_alive_s: Seconds = 4.0
    """Idle connections are dropped after this time; keep it below the provider's own."""

    passthrough: bool | None = None
    """Whether paths beside the model calls (files, batches, stored responses …) go through. If not set they do, unless
    several tenants of `keys` share your key here: they would see each other's files."""

    @property
    def is_ours(self) -> bool:
        """Whether requests carry a credential of the operator; litellm finds its own in the environment."""
        in_headers = any(word in name.lower() for name in self.headers for word in ("auth", "key", "token", "secret"))
        return self.api_key is not None or in_headers or self.dialect == "litellm"

    @model_validator(mode="after")
    def _complete(self) -> "Provider":
        if self.dialect != "litellm" and self.base_url is None:
            raise ValueError("base_url is required (only the litellm dialect does without)")
        if self.dialect == "azure" and not self.api_version:
            raise ValueError("api_version is required for the azure dialect, for example 2024-10-21")
        return self


class ModelAbilities(Section):
    """What a model can do, where the shipped table does not know it or is wrong; a router goes by it."""

    vision: bool | None = None
    """Whether it reads images."""
    tools: bool | None = None
    """Whether it calls tools."""
    json_schema: bool | None = None
    """Whether it keeps to a JSON Schema given in the request."""
    sampling: bool | None = None
    """Whether it takes `temperature`, `top_p` and the penalties."""
    reasoning: bool | None = None
    """Whether it thinks before it answers."""
    context_tokens: Count | None = Field(default=None, gt=0)
    """Most tokens of input."""
    max_output_tokens: Count | None = Field(default=None, gt=0)
    """Most tokens of output."""
    tokens_per_s: Share | None = Field(default=None, gt=0)
    """Output tokens a second, for estimates of time saved; measured while serving if not set."""
    first_token_s: Seconds | None = None
    """Seconds until the first token; measured while serving if not set."""


class Model(Section):
    """A model name that clients may ask for."""

    model_config = ConfigDict(json_schema_extra={"anyOf": [{"required": ["targets"]}, {"required": ["route"]}]})

    targets: list[str] = Field(default_factory=list, min_length=1)
    """`provider/model` in fallback order. May be left out with `route: true`: the first model that has targets then
    stands in where nothing chooses."""
    route: bool = False
    """Whether the router chooses the model for requests that ask for this name."""
    abilities: ModelAbilities = ModelAbilities()
    """What it can do, on top of the shipped table."""
    deadlines: DeadlineOverrides = DeadlineOverrides()
    """Deadlines of this model."""

    @model_validator(mode="after")
    def _goes_somewhere(self) -> "Model":
        if not self.targets and not self.route:
            raise ValueError("needs targets, as provider/model in fallback order (or route: true)")
        return self


class Keys(Section):
    """Who may use the proxy."""

    static: dict[str, Secret] = Field(default_factory=dict)
    """Tenant -> client key. With at least one, every request needs one; without, whoever reaches the port may call."""


class PriceRow(Section):
    """US dollars per million tokens."""

    input: Share = Field(ge=0)
    """Uncached input."""
    output: Share = Field(ge=0)
    """Output, reasoning included."""
    cache_read: Share | None = Field(default=None, ge=0)
    """Input read from the provider's prefix cache; the input price without it."""
    cache_write: Share | None = Field(default=None, ge=0)
    """Input written to that cache; the input price without it."""


class Otlp(Section):
    """Where traces and metrics are exported. The standard `OTEL_EXPORTER_OTLP_*` variables work too."""

    endpoint: HttpUrl | None = None
    """Collector address, for example http://127.0.0.1:4318; nothing is exported without one."""
    protocol: Literal["http/protobuf", "grpc"] = "http/protobuf"
    """OTLP transport."""
    headers: dict[str, Secret] = Field(default_factory=dict)
    """Headers for the collector, such as an API key."""
    timeout_s: Seconds = 2.0
    """Time one export may take; it never delays a request."""
    interval_s: Seconds = 15.0
    """How often metrics are exported."""


class Telemetry(Section):
    """What is told about requests."""

    otlp: Otlp = Otlp()
    """The OTLP exporter."""
    sample_ratio: Share = Field(default=1.0, ge=0, le=1)
    """Share of traces to record where the caller did not decide; metrics always count everything."""
    capture_content: Literal[False, "no_content", "span_only", "event_only", "span_and_event"] = False
    """Whether prompts and answers are recorded, and where. Off by default, on every path."""
    semconv: Literal["2026-10", "1.41"] = "2026-10"
    """Which generation of the OpenTelemetry GenAI names is used."""
    log: Literal["auto", "json", "live", "off"] = "auto"
    """One line a request on standard error: `live` for people, `json` for machines; `auto` looks for a terminal."""


class Config(BaseSettings):
    """The whole configuration of a proxy."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
        env_prefix="TAILRACE__",
        env_nested_delimiter="__",
    )

    server: Server = Server()
    """The side the clients talk to."""
    admin: Admin = Admin()
    """The operator's port."""
    providers: dict[str, Provider] = Field(default_factory=dict)
    """Places that answer model calls, by a name of your choice. The first one serves what names no model."""
    upstream: Upstream = Upstream()
    """Deadlines, retries and fallback."""
    models: dict[str, Model] = Field(default_factory=dict)
    """What clients may ask for; without this section any model goes to the first provider as it is."""
    keys: Keys = Keys()
    """Who may use the proxy."""
    plugins: list[dict[str, dict[str, Any] | None]] | None = None
    """The chain, outermost first: `- name: {settings}`. Its order is the order of the plugins; `[]` is none. Without
    this section the preset's plugins are the chain."""
    prices: dict[str, PriceRow] = Field(default_factory=dict)
    """Prices by `model` or `provider/model`, on top of the shipped table."""
    telemetry: Telemetry = Telemetry()
    """What is told about requests."""
    embedder: EmbedderSettings = EmbedderSettings()
    """What turns questions into vectors, for the semantic cache."""
    data_dir: str = ".tailrace"
    """Folder for what must outlast a restart."""
    preset: Preset = "safe"
    """A named set of plugins and settings. `off`: pure passthrough with traces. `safe`: nothing that could change an
    answer (exact cache for deterministic requests). `balanced`: every cacheable request for 5 minutes, and a verified
    semantic cache. `max_speed`: longer, with a wider budget for semantic hits. Explicit values win."""

    @field_validator("plugins", mode="before")
    @classmethod
    def _bare_names(cls, given: Any) -> Any:
        """`- stream` is `- stream: {}`."""
        return (
            [{entry: None} if isinstance(entry, str) else entry for entry in given]
            if isinstance(given, list)
            else given
        )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Defaults < file (given as arguments) < environment."""
        return env_settings, init_settings
