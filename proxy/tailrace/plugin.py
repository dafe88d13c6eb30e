"""The one extension point: a plugin is a class with one method that stands around the rest of the chain."""

import random
from abc import ABC
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from tailrace.cache.caches import Caches
from tailrace.clock import Clock, SystemClock
from tailrace.embed import Embedder, EmbedderSettings, make_embedder
from tailrace.exchange import Exchange, Reply
from tailrace.models import Models, NoModels
from tailrace.prices import PriceTable
from tailrace.sessions import Sessions
from tailrace.tasks import Tasks
from tailrace.tokens import TokenCounter
from tailrace.wire.endpoints import MODEL_KINDS, EndpointKind

CallNext = Callable[[Exchange], Awaitable[Reply]]


class PluginSettings(BaseModel):
    """Settings of one plugin: unknown keys are refused, values never change after start."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    deadline_s: float = Field(default=2.0, gt=0, le=600)
    """Seconds of its own time (waiting for the rest of the chain not counted) after which the plugin is left out."""


S = TypeVar("S", bound=PluginSettings)


def _no_embedder() -> Embedder:
    return make_embedder(EmbedderSettings(), Tasks(), SystemClock())


def _no_sessions() -> Sessions:
    return Sessions(SystemClock())


def _nowhere(exchange: Exchange) -> str:
    return ""


@dataclass(frozen=True, slots=True)
class Services:
    """What the proxy lends to every plugin. All of it is safe to keep for the plugin's lifetime."""

    tasks: Tasks = field(default_factory=Tasks)
    clock: Clock = field(default_factory=SystemClock)
    rng: random.Random = field(default_factory=random.Random)
    prices: PriceTable = field(default_factory=PriceTable.shipped)
    data_dir: Path = Path(".tailrace")
    """Where a plugin may keep files, in a folder of its own name; made by the plugin when it needs it."""
    caches: Caches = field(default_factory=Caches)
    """The file that caches share, and where each announces itself to the operator."""
    embedder: Embedder = field(default_factory=_no_embedder)
    """Texts to vectors, shared by all plugins; `start` it before use, more than once does no harm."""
    sessions: Sessions = field(default_factory=_no_sessions)
    """What is remembered of sessions, a typed slot for each plugin: `sessions.slot(self.name, Kind)`."""
    tokens: TokenCounter = field(default_factory=TokenCounter)
    """Tokens of texts, counted by the model's own vocabulary where it is installed; `load` it before use."""
    models: Models = field(default_factory=NoModels)
    """The models that can be asked for: where they go, what they cost, what they can do."""
    route: Callable[[Exchange], str] = _nowhere
    """Where an exchange as it stands would go first (provider, address, model), for cache keys; raises `NotFound`."""


class Plugin(ABC, Generic[S]):
    """Stands around the rest of the chain for every request of the endpoints it serves.

    One instance serves all requests at once: what belongs to a request lives in local variables, never on `self`.
    The chain makes the plugin's span, counts what it did, cuts it at its deadline and, with `fail_open`, carries on
    without it when it fails.
    """

    name: ClassVar[str]
    """Entry point, configuration key and span name: lower case with underscores."""
    Settings: ClassVar[type[PluginSettings]] = PluginSettings
    """The type of its part of the configuration."""
    endpoints: ClassVar[frozenset[EndpointKind]] = MODEL_KINDS
    """The kinds of request it is asked about."""
    skippable: ClassVar[bool] = True
    """Whether a client may leave it out with `x-tailrace-skip`."""
    fail_open: ClassVar[bool] = True
    """Whether a request goes on without it when it fails; False for what guards something (limits, keys)."""
    chooses_model: ClassVar[bool] = False
    """Whether it sends requests to other models than they name: what is cached above it depends on its settings."""
    after: ClassVar[frozenset[str]] = frozenset()
    """Names of plugins that must stand above it where both are configured; a wrong order is refused at start."""

    def __init__(self, settings: S, services: Services) -> None:
        self.settings = settings
        self.services = services

    async def start(self) -> None:
        """Open what the plugin needs. Called once, in the chain's order; if it raises, the proxy does not start."""
        return

    async def stop(self) -> None:
        """Close it again. Called once, in reverse order, after the last request, or when another one fails to start."""
        return

    async def handle(self, exchange: Exchange, call_next: CallNext) -> Reply:
        """Answer the exchange, or pass it on.

        Called once per request, after every plugin listed above this one and before every plugin below. The reply's
        body has usually not arrived when `call_next` returns: `reply.tap` to hear it, `exchange.on_end` to learn how it
        ended. Say what was done with `exchange.acted` or `exchange.stood_aside`. Errors of the rest of the chain come
        out of `call_next` as `TailraceError`: let them pass unless there is something better to answer.
        """
        return await call_next(exchange)
