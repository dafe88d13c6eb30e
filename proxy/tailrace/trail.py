"""What is remembered of one request while it runs: plain numbers, turned into spans, metrics and a log line at its end.

Collecting costs a few attribute writes; building telemetry from it happens after the client has its bytes.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

from tailrace.wire.usage import Usage
from tailrace.wire.watch import StreamWatch

if TYPE_CHECKING:
    from tailrace.exchange import Outcome

Action = Literal["acted", "stood-aside", "skipped", "failed", "timed-out"]


@dataclass(frozen=True, slots=True)
class TraceIds:
    """Where a request stands in its trace (W3C Trace Context); ids as integers, 0 for no parent."""

    trace_id: int
    span_id: int
    parent_id: int
    sampled: bool
    state: str = ""


class Turn(Protocol):
    """A plugin's turn in a request, whose own time is counted."""

    def step_out(self) -> None:
        """It waits for something that is not its own work."""

    def step_in(self) -> None:
        """Its own work goes on."""


@dataclass(slots=True)
class PluginScope:
    """What one plugin did in one request; times are monotonic seconds, `self_s` without the time spent below it."""

    plugin: str
    started: float
    self_s: float = 0.0
    ended: float = 0.0
    action: Action | None = None
    label: str = ""
    facts: dict[str, Any] = field(default_factory=dict)
    turn: Turn | None = field(default=None, repr=False, compare=False)

    def shown(self) -> str:
        """The plugin's entry in `x-tailrace-chain`."""
        label = self.label
        if not (label.isascii() and label.isprintable()):
            # A label may hold a model's name, which is a client's own text, and this is a header.
            label = "".join(c if c.isascii() and c.isprintable() else "?" for c in label)
        if self.action == "acted":
            return label
        if self.action == "stood-aside":
            return f"stood-aside({label})"
        return f"{self.action}({label})" if label else str(self.action)


@dataclass(slots=True)
class Attempt:
    """One HTTP request to a provider. `span_id` is the parent id that the provider was sent."""

    provider: str
    model: str
    span_id: int
    started: float
    method: str = "POST"
    url: str = ""
    host: str = ""
    port: int = 0
    ended: float = 0.0
    status: int = 0
    error_type: str = ""
    fresh: bool = False
    """Whether it must not use a pooled connection: the attempt before found one that the provider was closing."""


@dataclass(frozen=True, slots=True)
class Dropped:
    """An answer that a provider billed and the client never got: a cheaper model's, say, that was not good enough."""

    provider: str
    model: str
    usage: Usage


class Trail:
    """The mutable memory of one request, shared by all views of its exchange."""

    __slots__ = (
        "answer",
        "attempts",
        "call_ended",
        "call_span_id",
        "call_started",
        "dropped",
        "ended",
        "enders",
        "error_type",
        "fell_back",
        "first_byte_at",
        "first_chunk_at",
        "model",
        "provider",
        "request_id",
        "scopes",
        "started",
        "started_ns",
        "status",
        "trace",
        "until",
        "vector",
        "watch",
    )

    def __init__(self, request_id: str, trace: TraceIds, started: float, started_ns: int) -> None:
        self.request_id = request_id
        self.trace = trace
        self.started = started
        self.started_ns = started_ns
        self.scopes: list[PluginScope] = []
        self.attempts: list[Attempt] = []
        self.enders: list[tuple[str, Callable[[Outcome], None]]] = []
        self.call_span_id = 0
        self.call_started = 0.0
        self.call_ended = 0.0
        self.first_chunk_at = 0.0
        """When the provider's first real event (or whole answer) was here."""
        self.first_byte_at = 0.0
        """When the first body byte was handed to the client's socket."""
        self.ended = 0.0
        self.provider = ""
        self.model = ""
        self.until = 0.0
        """When all asking for this request must be over (loop time); 0 before the first provider is asked."""
        self.dropped: list[Dropped] = []
        """Answers that were paid for and not given to the client."""
        self.status = 0
        self.error_type = ""
        self.fell_back = False
        """Whether the answer is from another target than the first that is configured for the model."""
        self.answer: tuple[str, Any] | None = None
        """The provider's whole answer as parsed JSON, and its shape; read for its facts when there is time."""
        self.vector: tuple[str, bytes] | None = None
        """A text of the request that was embedded on its way, and its vector."""
        self.watch: StreamWatch | None = None
        """What the provider's stream said of itself so far."""

    def fact(self, plugin: str, key: str) -> Any:
        """What `plugin` noted under `key` so far; None if it did not."""
        for scope in reversed(self.scopes):
            if scope.plugin == plugin and key in scope.facts:
                return scope.facts[key]
        return None
