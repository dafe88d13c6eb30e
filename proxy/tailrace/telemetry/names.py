"""Every name that leaves the proxy as telemetry, once: spans, attributes, metrics with their units, labels and buckets.

Sources: OpenTelemetry GenAI conventions as of 2026-10 (Development) and HTTP conventions v1.44.0 (Stable). The GenAI
names changed in autumn 2026; `Names` carries those that differ, chosen by the setting `semconv`.
"""

from dataclasses import dataclass
from typing import Final, Literal

from tailrace.version import VERSION

Semconv = Literal["2026-10", "1.41"]

SCOPE: Final = "tailrace"
"""Instrumentation scope of everything exported."""
SCOPE_VERSION: Final = VERSION

# What the HTTP conventions name.
HTTP_METHOD: Final = "http.request.method"
HTTP_METHOD_ORIGINAL: Final = "http.request.method_original"
HTTP_RESEND_COUNT: Final = "http.request.resend_count"
HTTP_STATUS: Final = "http.response.status_code"
HTTP_ROUTE: Final = "http.route"
URL_PATH: Final = "url.path"
URL_SCHEME: Final = "url.scheme"
URL_FULL: Final = "url.full"
SERVER_ADDRESS: Final = "server.address"
SERVER_PORT: Final = "server.port"
USER_AGENT: Final = "user_agent.original"
ERROR_TYPE: Final = "error.type"

# What the GenAI conventions name.
OPERATION: Final = "gen_ai.operation.name"
PROVIDER: Final = "gen_ai.provider.name"
REQUEST_MODEL: Final = "gen_ai.request.model"
MAX_TOKENS: Final = "gen_ai.request.max_tokens"
CHOICE_COUNT: Final = "gen_ai.request.choice.count"
TEMPERATURE: Final = "gen_ai.request.temperature"
TOP_P: Final = "gen_ai.request.top_p"
TOP_K: Final = "gen_ai.request.top_k"
FREQUENCY_PENALTY: Final = "gen_ai.request.frequency_penalty"
PRESENCE_PENALTY: Final = "gen_ai.request.presence_penalty"
SEED: Final = "gen_ai.request.seed"
STREAM: Final = "gen_ai.request.stream"
REASONING_LEVEL: Final = "gen_ai.request.reasoning.level"
PREVIOUS_RESPONSE: Final = "gen_ai.request.previous_response.id"
ENCODING_FORMATS: Final = "gen_ai.request.encoding_formats"
DIMENSIONS: Final = "gen_ai.embeddings.dimension.count"
OUTPUT_TYPE: Final = "gen_ai.output.type"
CONVERSATION: Final = "gen_ai.conversation.id"
RESPONSE_ID: Final = "gen_ai.response.id"
RESPONSE_MODEL: Final = "gen_ai.response.model"
FINISH_REASONS: Final = "gen_ai.response.finish_reasons"
FIRST_CHUNK: Final = "gen_ai.response.time_to_first_chunk"
INPUT_TOKENS: Final = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS: Final = "gen_ai.usage.output_tokens"
CACHE_READ_TOKENS: Final = "gen_ai.usage.cache_read.input_tokens"
REASONING_TOKENS: Final = "gen_ai.usage.reasoning.output_tokens"
MODALITY: Final = "gen_ai.token.modality"
TOKEN_TYPE: Final = "gen_ai.token.type"
API_TYPE: Final = "openai.api.type"
SERVICE_TIER: Final = "openai.request.service_tier"

# Content: only with `capture_content`.
INPUT_MESSAGES: Final = "gen_ai.input.messages"
OUTPUT_MESSAGES: Final = "gen_ai.output.messages"
SYSTEM_INSTRUCTIONS: Final = "gen_ai.system_instructions"
TOOL_DEFINITIONS: Final = "gen_ai.tool.definitions"
CONTENT: Final = frozenset({INPUT_MESSAGES, OUTPUT_MESSAGES, SYSTEM_INSTRUCTIONS, TOOL_DEFINITIONS})
DETAILS_EVENT: Final = "gen_ai.client.inference.operation.details"

# What only this proxy has, as attributes and as labels.
REQUEST_ID: Final = "tailrace.request_id"
REQUESTED_MODEL: Final = "tailrace.requested_model"
STATE: Final = "tailrace.state"
COST: Final = "tailrace.cost_usd"
ESTIMATED: Final = "tailrace.usage_estimated"
TRUNCATED: Final = "tailrace.content_truncated"
SELF_S: Final = "tailrace.self_s"
PLUGIN_PREFIX: Final = "tailrace."
PLUGIN: Final = "plugin"
ACTION: Final = "action"
REASON: Final = "reason"
OUR_PROVIDER: Final = "provider"
OUR_MODEL: Final = "model"
SIGNAL: Final = "signal"
CACHE: Final = "cache"
RESULT: Final = "result"
MECHANISM: Final = "mechanism"
TIER: Final = "tier"

INT_LABELS: Final = frozenset({HTTP_STATUS, SERVER_PORT})
"""Labels whose values are numbers in OTLP."""

Kind = Literal["counter", "histogram", "gauge", "updown"]


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric. `bounds` are a histogram's upper bucket limits; a label that does not apply is left out."""

    name: str
    kind: Kind
    unit: str
    text: str
    labels: tuple[str, ...] = ()
    bounds: tuple[float, ...] = ()


S_BOUNDS: Final = tuple(round(0.01 * 2**n, 2) for n in range(14))
T_BOUNDS: Final = tuple(float(4**n) for n in range(14))
HTTP_BOUNDS: Final = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80)
"""The convention's buckets, widened to 80 s: model calls take longer than page loads."""
OWN_BOUNDS: Final = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)

HTTP_SERVER: Final = Metric(
    "http.server.request.duration",
    "histogram",
    "s",
    "Duration of requests served, to the last byte.",
    (HTTP_METHOD, URL_SCHEME, HTTP_ROUTE, HTTP_STATUS, ERROR_TYPE),
    HTTP_BOUNDS,
)
HTTP_CLIENT: Final = Metric(
    "http.client.request.duration",
    "histogram",
    "s",
    "Duration of single attempts at a provider, to the end of the answer.",
    (HTTP_METHOD, SERVER_ADDRESS, SERVER_PORT, HTTP_STATUS, ERROR_TYPE),
    HTTP_BOUNDS,
)
ACTIVE: Final = Metric(
    "http.server.active_requests", "updown", "{request}", "Requests being served now.", (HTTP_METHOD, URL_SCHEME)
)
OVERHEAD: Final = Metric(
    "tailrace.overhead.duration",
    "histogram",
    "s",
    "Time the proxy added: server time minus upstream time; of a stream, what came before its first byte.",
    (HTTP_ROUTE,),
    OWN_BOUNDS,
)
PLUGIN_REQUESTS: Final = Metric(
    "tailrace.plugin.requests",
    "counter",
    "{request}",
    "What each plugin did with the requests it was asked about, and why.",
    (PLUGIN, ACTION, REASON),
)
CACHE_REQUESTS: Final = Metric(
    "tailrace.cache.requests",
    "counter",
    "{request}",
    "Requests each cache was asked about: exact, semantic, part, miss or bypass.",
    (CACHE, RESULT),
)
ROUTED_REQUESTS: Final = Metric(
    "tailrace.routed.requests",
    "counter",
    "{request}",
    "Requests a router sent on, by tier, by the model it chose and by why.",
    (PLUGIN, TIER, OUR_MODEL, REASON),
)
SAVED_USD: Final = Metric(
    "tailrace.saved.usd",
    "counter",
    "{usd}",
    "Dollars not spent, net of what saving them cost, at billed rates; what has no known price is not counted.",
    (MECHANISM,),
)
SAVED_INPUT_TOKENS: Final = Metric(
    "tailrace.saved.input_tokens", "counter", "{token}", "Input tokens that no provider had to read.", (MECHANISM,)
)
SAVED_SECONDS: Final = Metric(
    "tailrace.saved.seconds", "counter", "s", "Time that clients did not wait for a provider.", (MECHANISM,)
)
PLUGIN_DURATION: Final = Metric(
    "tailrace.plugin.duration",
    "histogram",
    "s",
    "A plugin's own time in a request, without the time below it in the chain.",
    (PLUGIN,),
    OWN_BOUNDS,
)
COST_USD: Final = Metric(
    "tailrace.cost.usd",
    "counter",
    "{usd}",
    "What providers billed, at known prices; requests without a known price are not in it.",
    (OUR_PROVIDER, OUR_MODEL),
)
STREAMS: Final = Metric("tailrace.streams.active", "gauge", "{stream}", "Streams being delivered now.")
LOOP_LAG: Final = Metric(
    "tailrace.loop.lag",
    "histogram",
    "s",
    "How much later than asked for the event loop woke a sampler.",
    (),
    OWN_BOUNDS,
)
QUEUE: Final = Metric("tailrace.telemetry.queue", "gauge", "{item}", "Telemetry waiting to leave.", (SIGNAL,))
DROPPED: Final = Metric(
    "tailrace.telemetry.dropped",
    "counter",
    "{item}",
    "Telemetry lost: the queue was full, or the collector did not take it.",
    (SIGNAL,),
)

_SAME = (HTTP_SERVER, HTTP_CLIENT, ACTIVE, OVERHEAD, PLUGIN_REQUESTS, PLUGIN_DURATION, COST_USD, STREAMS) + (
    CACHE_REQUESTS,
    SAVED_USD,
    SAVED_INPUT_TOKENS,
    SAVED_SECONDS,
    LOOP_LAG,
    QUEUE,
    DROPPED,
)
_CALL = (OPERATION, PROVIDER, REQUEST_MODEL)


@dataclass(frozen=True, slots=True)
class Names:
    """The names that differ between the generations; a metric that one does not have is None."""

    schema_url: str
    cache_write_tokens: str
    inference_duration: Metric
    operation_duration: Metric
    """For what is no inference: embeddings."""
    first_chunk: Metric
    usage: tuple[Metric, ...] = ()
    """Counters: input, output, cache read, cache write, reasoning."""
    input_sizes: Metric | None = None
    output_sizes: Metric | None = None
    token_usage: Metric | None = None
    """The old generation's histogram, told apart by `gen_ai.token.type`."""

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """Every metric of this generation."""
        calls = dict.fromkeys((self.inference_duration, self.operation_duration, self.first_chunk, *self.usage))
        sizes = (self.input_sizes, self.output_sizes, self.token_usage)
        return (*_SAME, *calls, *(metric for metric in sizes if metric is not None))


def _timing(name: str, text: str, *, errors: bool = True) -> Metric:
    return Metric(name, "histogram", "s", text, (*_CALL, ERROR_TYPE) if errors else _CALL, S_BOUNDS)


def _counter(kind: str, text: str) -> Metric:
    return Metric(f"gen_ai.client.inference.usage.{kind}", "counter", "{token}", text, (*_CALL, MODALITY))


def _sizes(kind: str, text: str) -> Metric:
    name = f"gen_ai.client.inference.operation.{kind}"
    return Metric(name, "histogram", "{token}", text, (*_CALL, ERROR_TYPE), T_BOUNDS)


_OLD_DURATION = _timing("gen_ai.client.operation.duration", "Duration of calls to a model, retries included.")

NAMES: Final[dict[str, Names]] = {
    "2026-10": Names(
        schema_url="https://opentelemetry.io/schemas/gen-ai/1.42.0",
        cache_write_tokens="gen_ai.usage.cache_write.input_tokens",
        inference_duration=_timing("gen_ai.client.inference.duration", "Duration of inferences, retries included."),
        operation_duration=_timing("gen_ai.client.operation.duration", "Duration of calls that infer nothing."),
        first_chunk=_timing(
            "gen_ai.client.inference.time_to_first_chunk", "Time to a stream's first chunk.", errors=False
        ),
        usage=(
            _counter("input_tokens", "Input tokens used, cached ones included."),
            _counter("output_tokens", "Output tokens used, reasoning included."),
            _counter("cache_read.input_tokens", "Input tokens read from the provider's prefix cache."),
            _counter("cache_write.input_tokens", "Input tokens written to the provider's prefix cache."),
            _counter("reasoning.output_tokens", "Output tokens spent on reasoning."),
        ),
        input_sizes=_sizes("input_tokens", "Input tokens of one call; the counter has the totals."),
        output_sizes=_sizes("output_tokens", "Output tokens of one call; the counter has the totals."),
    ),
    "1.41": Names(
        schema_url="https://opentelemetry.io/schemas/1.41.0",
        cache_write_tokens="gen_ai.usage.cache_creation.input_tokens",
        inference_duration=_OLD_DURATION,
        operation_duration=_OLD_DURATION,
        first_chunk=_timing(
            "gen_ai.client.operation.time_to_first_chunk", "Time to a stream's first chunk.", errors=False
        ),
        token_usage=Metric(
            "gen_ai.client.token.usage",
            "histogram",
            "{token}",
            "Tokens of one call, by type.",
            (*_CALL, TOKEN_TYPE),
            T_BOUNDS,
        ),
    ),
}
