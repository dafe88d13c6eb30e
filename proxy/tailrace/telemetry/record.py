"""A span as plain values, and what its builders need to know beyond the request."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from tailrace.telemetry.names import NAMES, Names
from tailrace.telemetry.providers import Known


class SpanRecord(NamedTuple):
    """A finished span as plain values: ids as integers (parent 0 for none), times in nanoseconds since the epoch."""

    name: str
    kind: Literal["server", "client", "internal"]
    trace_id: int
    span_id: int
    parent_id: int
    remote_parent: bool
    start_ns: int
    end_ns: int
    attributes: dict[str, Any]
    failed: bool
    state: str
    weight: int = 0
    """Bytes of captured content in it."""


@dataclass(frozen=True, slots=True)
class SpanRules:
    """What the builder needs to know beyond the request. `new_id` brings span ids for plugins."""

    new_id: Callable[[], int]
    names: Names = NAMES["2026-10"]
    providers: Mapping[str, Known] = field(default_factory=dict)
    models: Collection[str] = ()
    """Configured model names: what a client asked for is told only if it is one, or was passed on to a provider."""
    host: str = ""
    port: int = 0
