"""The nouns that travel: a client's request, the exchange around it, the reply to it, and how it ended.

All are frozen. What a plugin wants otherwise it says by making a new one (`Exchange.rewrite`, `Reply.through`, …).
"""

from collections.abc import AsyncIterable, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any, Literal

from tailrace.clock import Clock
from tailrace.streams import Stage, Stream, Tap, Wrap
from tailrace.trail import Dropped, PluginScope, Trail
from tailrace.wire import jsonio
from tailrace.wire.endpoints import Endpoint
from tailrace.wire.session import derive_session
from tailrace.wire.sse import Event
from tailrace.wire.usage import Usage

__all__ = ["ClientRequest", "Exchange", "Listener", "Outcome", "Reply", "Wrap"]

Listener = Callable[[Event], None]


@dataclass(frozen=True, slots=True)
class ClientRequest:
    """What the client sent, apart from its body.

    `path` and `query` are the raw spelling from the request line (query without `?`). `headers` answers lookups in any
    case. `tenant` is whose request it is: a cache key, counter or session without it would be visible to others.
    `credential` is the client's own key where it is to be passed on to the provider, else None. `skip` names the
    plugins this client asked to leave out. `session_hint` is a session id the client gave itself, if any.
    """

    id: str
    method: str
    path: str
    query: str
    endpoint: Endpoint
    headers: Mapping[str, str]
    tenant: str
    credential: str | None = None
    skip: frozenset[str] = frozenset()
    session_hint: str | None = None
    no_store: bool = False


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request on its way down the chain.

    `payload` is the parsed JSON body: shared by everyone, so it must not be changed in place; None on endpoints whose
    body is not read. `raw` is the body as the client spelled it, or None once a plugin rewrote the payload. `upload`
    streams the body of a passthrough request.
    """

    request: ClientRequest
    payload: Mapping[str, Any]
    raw: bytes | None
    trail: Trail
    upload: AsyncIterable[bytes] | None = None
    scope: PluginScope | None = None
    _cell: list[bytes] = field(default_factory=list, repr=False, compare=False)

    @property
    def endpoint(self) -> Endpoint:
        """The endpoint the client asked for."""
        return self.request.endpoint

    @property
    def tenant(self) -> str:
        """Whose request this is."""
        return self.request.tenant

    @property
    def model(self) -> str:
        """The model named in the payload as it stands now; empty if there is none."""
        model = self.payload.get("model")
        return model if isinstance(model, str) else ""

    @property
    def stream(self) -> bool:
        """Whether the client asked for a stream."""
        return self.payload.get("stream") is True

    @property
    def session(self) -> str:
        """The session's id, of this tenant alone: from the client's own, or from what stays the same every turn."""
        return derive_session(self.tenant, self.request.session_hint, self.payload)

    def body(self) -> bytes:
        """The JSON body to send on: the client's own bytes unless a plugin rewrote it. Encoded at most once."""
        if self.raw is not None:
            return self.raw
        if not self._cell:
            self._cell.append(jsonio.dumps(self.payload))
        return self._cell[0]

    def rewrite(self, changes: Mapping[str, Any] | None = None, *, remove: Iterable[str] = ()) -> "Exchange":
        """A copy whose payload has these top-level fields set or removed; everything else is kept.

        Values must be new objects: nested parts of the old payload may be reused but never changed in place.
        """
        payload = {**self.payload, **(changes or {})}
        for key in remove:
            payload.pop(key, None)
        return replace(self, payload=payload, raw=None, _cell=[])

    def alone(self, rng: Random, clock: Clock) -> "Exchange":
        """The same request on a trail of its own, for a call that nobody waits for: what comes of it is no part of this
        exchange, and no span or count is made of it.
        """
        trace = replace(self.trail.trace, span_id=rng.getrandbits(64) or 1, sampled=False)
        trail = Trail(self.trail.request_id, trace, clock.monotonic(), clock.wall_ns())
        return replace(self, trail=trail, scope=None)

    def seen_by(self, scope: PluginScope) -> "Exchange":
        """A plugin's own view of the exchange: what it notes is kept under its name. For the chain."""
        return Exchange(self.request, self.payload, self.raw, self.trail, self.upload, scope, self._cell)

    # What a plugin tells of itself. The chain gives each plugin a view of its own, so facts never mix.

    def note(self, key: str, value: str | int | float | bool) -> None:
        """Keep a fact about this request under the plugin's name: on its span, for `fact`, in the log at debug level.

        Never a prompt, an answer or a credential.
        """
        if self.scope is not None:
            self.scope.facts[key] = value

    def fact(self, plugin: str, key: str) -> Any:
        """What another plugin noted in this request, or None."""
        return self.trail.fact(plugin, key)

    def embedded(self, text: str, vector: bytes) -> None:
        """Leave the vector of one of the request's texts to the plugins below, so that none has to ask for it again."""
        self.trail.vector = (text, vector)

    def vector_of(self, text: str) -> bytes | None:
        """The vector of exactly this text, if a plugin above had it embedded for this request."""
        kept = self.trail.vector
        return kept[1] if kept is not None and kept[0] == text else None

    def dropped(self, provider: str, model: str, usage: Usage) -> None:
        """Say that an answer was billed which the client is not given; its cost is part of the request's."""
        self.trail.dropped.append(Dropped(provider, model, usage))

    def acted(self, label: str = "acted") -> None:
        """Say what the plugin did, as `x-tailrace-chain` shows it: `miss`, `routed(gpt-4o-mini)`."""
        if self.scope is not None:
            self.scope.action, self.scope.label = "acted", label

    def stood_aside(self, reason: str) -> None:
        """Say why the plugin did nothing. `reason` comes from a small fixed set of words: it becomes a metric label."""
        if self.scope is not None:
            self.scope.action, self.scope.label = "stood-aside", reason

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Time in this block is spent waiting for a provider's answer to somebody else's request: like the time in
        `call_next` it is not the plugin's own, and its deadline does not run.
        """
        turn = self.scope.turn if self.scope is not None else None
        if turn is not None:
            turn.step_out()
        try:
            yield
        finally:
            if turn is not None:
                turn.step_in()

    def on_end(self, tell: "Callable[[Outcome], None]") -> None:
        """Have `tell` called exactly once, after the client has its last byte or is gone. What it raises is counted."""
        self.trail.enders.append((self.scope.plugin if self.scope else "tailrace", tell))


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer on its way up the chain.

    Either `body` is the whole of it, or `stream` brings it piece by piece. `origin` says who made it: `upstream`, or
    the plugin's name.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes = b""
    stream: Stream | None = None
    origin: str = "upstream"
    parsed: Any = None
    """The body as parsed JSON, where somebody has read it already; `json()` reads it if need be."""
    _listeners: tuple[Listener, ...] = ()

    @property
    def is_events(self) -> bool:
        """Whether this is a stream of server-sent events, which `through` can alter."""
        return self.stream is not None and self.stream.is_events

    def through(self, wrap: Wrap) -> "Reply":
        """Alter the event stream: `wrap` gets an async iterator of events and yields events (or ready frames).

        Raises `TypeError` for a reply that is no event stream; look at `is_events` first, or use `with_body`.
        """
        if self.stream is None or not self.stream.is_events:
            raise TypeError("only an event stream can go through a wrap; this reply has a whole or opaque body")
        return replace(self, stream=self.stream.with_stage(Stage(wrap=wrap)))

    def tap(self, listener: Listener) -> "Reply":
        """Hear each event after its bytes went to the client; a whole body is heard as one event.

        Where a plugin above alters the stream, an event is heard as it is passed on to that plugin.
        """
        if self.stream is None:
            return replace(self, _listeners=(*self._listeners, listener))
        if not self.stream.is_events:
            return self
        return replace(self, stream=self.stream.with_stage(Stage(tap=Tap(listener))))

    def with_body(self, body: bytes, origin: str | None = None) -> "Reply":
        """The same reply with another whole body."""
        return replace(self, body=body, stream=None, parsed=None, origin=origin or self.origin)

    def json(self) -> Any:
        """The whole body as JSON; None for a stream or for what is not JSON."""
        if self.parsed is not None or self.stream is not None:
            return self.parsed
        try:
            return jsonio.loads(self.body)
        except jsonio.BadJson:
            return None

    def with_headers(self, headers: Mapping[str, str]) -> "Reply":
        """The same reply with these headers added, or set anew."""
        merged = {name: value for name, value in self.headers.items() if name.lower() not in _lower(headers)}
        return replace(self, headers={**merged, **headers})

    def heard_whole(self) -> Callable[[], None] | None:
        """What to call once a whole body is with the client; None if nobody listens."""
        if not self._listeners:
            return None
        event, listeners = Event(self.body, self.body), self._listeners

        def tell() -> None:
            for listener in listeners:
                Tap(listener)(event)

        return tell

    async def aclose(self) -> None:
        """Give the reply up: its connection is closed. For a plugin that asks twice and drops one answer."""
        if self.stream is not None:
            await self.stream.aclose()


def _lower(headers: Mapping[str, str]) -> set[str]:
    return {name.lower() for name in headers}


@dataclass(frozen=True, slots=True)
class DroppedBill:
    """What an answer cost that was billed and not given to the client; None where its price is not known."""

    provider: str
    model: str
    usage: Usage
    cost_usd: float | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an exchange ended, told once to all who asked.

    `state`: `complete` (the client has the whole answer, which may be an error answer), `client_left`, or `failed`
    (the answer broke off). Times are seconds; `first_chunk_s` is None where nothing came. `usage` is what the provider
    billed for the answer, or an estimate that says so, or None. `cost_usd` is the bill of the whole request, dropped
    answers included; None means that a price is not known.
    """

    state: Literal["complete", "client_left", "failed"]
    status: int
    duration_s: float
    error_type: str = ""
    usage: Usage | None = None
    cost_usd: float | None = None
    first_chunk_s: float | None = None
    provider: str = ""
    model: str = ""
    response_id: str | None = None
    response_model: str | None = None
    finish_reasons: tuple[str, ...] = ()
    answer_usd: float | None = None
    """Of `cost_usd`, what the answer itself cost."""
    dropped: tuple[DroppedBill, ...] = ()
