"""Headers and bodies of what goes back to clients."""

from collections.abc import Mapping

from aiohttp import web
from multidict import CIMultiDict

from tailrace.chain import chain_header
from tailrace.errors import TailraceError
from tailrace.trail import Trail


def error_response(
    error: TailraceError, *, anthropic: bool, request_id: str, trail: Trail | None = None
) -> web.Response:
    """An error in the shape the endpoint's clients expect, with `x-request-id` and what the chain did so far."""
    headers: CIMultiDict[str] = CIMultiDict(error.headers)
    headers["content-type"] = "application/json"
    if error.permanent and "x-should-retry" not in headers:
        headers["x-should-retry"] = "false"
    add_ours(headers, request_id, trail)
    return web.Response(
        status=error.status, body=error.body(anthropic=anthropic, request_id=request_id), headers=headers
    )


def reply_headers(given: Mapping[str, str], trail: Trail, *, events: bool) -> "CIMultiDict[str]":
    """The headers of an answer: the reply's own and ours. Event streams are never buffered or cached on their way."""
    headers = given.copy() if isinstance(given, CIMultiDict) else CIMultiDict(given)
    add_ours(headers, trail.request_id, trail)
    if events:
        headers["cache-control"] = "no-cache, no-store, private"
        headers["x-accel-buffering"] = "no"
    return headers


def add_ours(headers: "CIMultiDict[str]", request_id: str, trail: Trail | None) -> None:
    """Add what every answer carries. An answer belongs to one credential: no shared cache may keep it."""
    headers["cache-control"] = "private, no-store"
    headers["vary"] = "Authorization"
    if request_id:
        headers["x-tailrace-request-id"] = request_id
        headers.setdefault("x-request-id", request_id)
    if trail is not None:
        trace = trail.trace
        headers["traceparent"] = f"00-{trace.trace_id:032x}-{trace.span_id:016x}-0{int(trace.sampled)}"
        if trail.scopes:
            headers["x-tailrace-chain"] = chain_header(trail.scopes)
