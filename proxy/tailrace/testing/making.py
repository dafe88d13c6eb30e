"""Requests and plugins, made in one line."""

import asyncio
import random
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from multidict import CIMultiDict

from tailrace.clock import Clock
from tailrace.exchange import ClientRequest, Exchange
from tailrace.plugin import Plugin, Services
from tailrace.prices import PriceTable
from tailrace.sessions import Sessions
from tailrace.tasks import Tasks
from tailrace.testing.clock import ManualClock, VirtualLoop
from tailrace.tokens import TokenCounter
from tailrace.trail import TraceIds, Trail
from tailrace.wire import jsonio
from tailrace.wire.endpoints import CHAT, Endpoint
from tailrace.wire.session import given_session

AnyP = TypeVar("AnyP", bound=Plugin[Any])


def clock_of_loop() -> ManualClock:
    """The clock of the running `VirtualLoop`; where there is none, a fresh one that stands still."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return ManualClock()
    return loop.clock if isinstance(loop, VirtualLoop) else ManualClock()


def exchange(
    payload: Mapping[str, Any] | bytes,
    *,
    headers: Mapping[str, str] | None = None,
    endpoint: Endpoint = CHAT,
    tenant: str = "tenant",
    credential: str | None = None,
    skip: Iterable[str] = (),
    clock: Clock | None = None,
) -> Exchange:
    """A request as the chain gets it.

    `payload` is the body: a mapping, or the client's very bytes (a JSON object). Session id and no-store come from the
    headers and the payload, as in the proxy.
    """
    raw = payload if isinstance(payload, bytes) else jsonio.dumps(dict(payload))
    parsed = jsonio.loads_object(raw)
    sent: CIMultiDict[str] = CIMultiDict(headers or {})
    now = clock or clock_of_loop()
    trail = Trail("req_test", TraceIds(1, 2, 0, sampled=True), now.monotonic(), now.wall_ns())
    request = ClientRequest(
        id=trail.request_id,
        method="POST",
        path=endpoint.route,
        query="",
        endpoint=endpoint,
        headers=sent,
        tenant=tenant,
        credential=credential,
        skip=frozenset(skip),
        session_hint=given_session(sent.get("x-tailrace-session"), parsed),
        no_store="x-tailrace-no-store" in sent,
    )
    return Exchange(request, parsed, raw, trail)


def services(*, clock: Clock | None = None, data_dir: Path | None = None, seed: int = 0) -> Services:
    """What the proxy lends to plugins: repeatable randomness, and the clock of the test."""
    now = clock or clock_of_loop()
    return Services(
        tasks=Tasks(),
        clock=now,
        rng=random.Random(seed),
        prices=PriceTable.shipped(),
        data_dir=data_dir or Path("no-data-dir-was-given-to-this-test"),
        sessions=Sessions(now),
        tokens=TokenCounter(),
    )


def plugin(kind: type[AnyP], settings: Mapping[str, Any] | None = None, *, services: Services | None = None) -> AnyP:
    """An instance, its settings checked as those of a configuration file are. Not started: that is the test's part.

    Raises pydantic's `ValidationError` for wrong settings.
    """
    return kind(kind.Settings.model_validate(dict(settings or {})), services or _services())


_services = services
