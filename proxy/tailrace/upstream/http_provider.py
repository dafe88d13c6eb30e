"""One attempt at a provider that speaks HTTP itself: send, pass the first-event gate, make a `Reply`."""

import math
from collections.abc import AsyncIterable
from typing import Any

from tailrace.clock import Clock
from tailrace.config.models import Provider
from tailrace.config.models import Upstream as UpstreamSettings
from tailrace.errors import UpstreamError
from tailrace.exchange import Exchange, Reply
from tailrace.streams import Stream
from tailrace.tasks import Tasks
from tailrace.trail import Attempt
from tailrace.upstream.answers import error_answer, in_band_error
from tailrace.upstream.dialects.raw import names_deployment, outgoing
from tailrace.upstream.headers import for_client
from tailrace.upstream.http1 import Response
from tailrace.upstream.policy import AttemptFailed
from tailrace.upstream.pool import Pool
from tailrace.upstream.sources import Body, ProviderBytes, ProviderEvents, read_whole
from tailrace.upstream.targets import Target
from tailrace.upstream.usage_option import asks_for_usage, with_usage, without_usage_chunk
from tailrace.wire import jsonio
from tailrace.wire.watch import error_of

_ERROR_BYTES = 1_048_576
"""Most that is read of an error answer."""


class HttpProvider:
    """A provider reached over the raw dialects (openai, anthropic, azure)."""

    def __init__(
        self, name: str, provider: Provider, settings: UpstreamSettings, tasks: Tasks, clock: Clock, hop: str
    ) -> None:
        self._name = name
        self._provider = provider
        self._settings = settings
        self._tasks = tasks
        self._clock = clock
        self._hop = hop
        self._our_key = provider.is_ours
        self._pool = Pool(name, provider)

    async def aclose(self) -> None:
        """Close every connection to the provider."""
        await self._pool.aclose()

    async def ask(self, exchange: Exchange, target: Target, record: Attempt, until: float) -> Reply:
        """Make one attempt; see `ProviderCaller.ask`."""
        request = outgoing(exchange, target, self._hop)
        origin = self._pool.origin
        record.method, record.url = request.method, f"{origin.scheme}://{origin.host}:{origin.port}{request.target}"
        record.host, record.port = origin.host, origin.port
        if self._provider.propagate_trace:
            trace = exchange.trail.trace
            request.headers["traceparent"] = f"00-{trace.trace_id:032x}-{record.span_id:016x}-0{int(trace.sampled)}"
            if trace.state:
                request.headers["tracestate"] = trace.state
        body, hides_usage = self._body(exchange, target)
        response = await self._pool.send(request, body, target.deadlines.connect_s, fresh=record.fresh)
        record.status = response.status
        opaque = not exchange.endpoint.reads_json
        # A file may take longer than any answer of a model: only silence ends it.
        try:
            held = Body(response, target.deadlines.idle_s, math.inf if opaque else until, decode=not opaque)
        except AttemptFailed:
            response.close()
            raise
        try:
            if response.status >= 300 and not (opaque and response.status == 304):
                raise await self._refusal(exchange, response, held)
            if opaque:
                return self._opaque(exchange, response, held)
            if response.content_type == "text/event-stream":
                return await self._stream(exchange, response, held, hides_usage)
            return await self._whole(exchange, response, held)
        except BaseException:
            held.close()
            raise

    def _body(self, exchange: Exchange, target: Target) -> tuple[bytes | AsyncIterable[bytes] | None, bool]:
        """The bytes to send, and whether a usage report was asked for that the client must not see."""
        if not exchange.endpoint.reads_json:
            return exchange.upload, False
        changes: dict[str, Any] = {}
        # Where Azure takes the model from the path, the body keeps the client's word.
        in_path = self._provider.dialect == "azure" and names_deployment(exchange.request.path)
        if target.model != exchange.model and not in_path:
            changes["model"] = target.model
        hides = self._settings.stream_usage == "always" and not asks_for_usage(exchange)
        if hides:
            changes |= with_usage(exchange.payload)
        return (exchange.rewrite(changes) if changes else exchange).body(), hides

    async def _refusal(self, exchange: Exchange, response: Response, held: Body) -> AttemptFailed:
        try:
            body = await read_whole(held, _ERROR_BYTES)
        except UpstreamError:
            # Its status is answer enough.
            body = b""
        return error_answer(
            self._name,
            response.status,
            response.headers,
            body,
            our_key=self._our_key,
            anthropic=exchange.endpoint.anthropic,
            wall_s=self._clock.wall_ns() / 1e9,
        )

    def _opaque(self, exchange: Exchange, response: Response, held: Body) -> Reply:
        headers = for_client(response.headers)
        if (length := response.headers.get("content-length")) is not None:
            headers["content-length"] = length
        exchange.trail.first_chunk_at = self._clock.monotonic()
        source = ProviderBytes(held, is_sse=response.content_type == "text/event-stream")
        return Reply(response.status, headers, stream=Stream(source))

    async def _stream(self, exchange: Exchange, response: Response, held: Body, hides_usage: bool) -> Reply:
        headers = for_client(response.headers, decoded=held.decodes)
        shape = exchange.endpoint.shape
        if shape is None:
            # No model endpoint without a shape streams; what comes all the same is passed on as it is.
            return self._opaque(exchange, response, held)
        choices = exchange.payload.get("n")
        source = ProviderEvents(shape, held, self._tasks, choices if isinstance(choices, int) else 1)
        try:
            first = await source.first_event()
        except UpstreamError as error:
            raise AttemptFailed("bad-answer", error, error_type=error.error_type) from None
        if first is None:
            answer = UpstreamError(f"The provider {self._name!r} ended its stream before the first event.")
            raise AttemptFailed("bad-answer", answer, error_type="cut")
        told = first.json
        if isinstance(told, dict) and error_of(told) is not None:
            raise in_band_error(self._name, told, anthropic=exchange.endpoint.anthropic, our_key=self._our_key)
        trail = exchange.trail
        trail.first_chunk_at = self._clock.monotonic()
        trail.watch = source.watch
        reply = Reply(response.status, headers, stream=Stream(source))
        return reply.through(without_usage_chunk) if hides_usage else reply

    async def _whole(self, exchange: Exchange, response: Response, held: Body) -> Reply:
        try:
            body = await read_whole(held, self._settings.max_answer_bytes)
        except UpstreamError as error:
            raise AttemptFailed("bad-answer", error, error_type=error.error_type) from None
        headers = for_client(response.headers, decoded=held.decodes)
        told = self._parsed(body)
        if "id" not in told and "object" not in told and error_of(told) is not None:
            raise in_band_error(self._name, told, anthropic=exchange.endpoint.anthropic, our_key=self._our_key)
        trail = exchange.trail
        trail.first_chunk_at = self._clock.monotonic()
        trail.answer = (exchange.endpoint.shape or exchange.endpoint.kind, told)
        return Reply(response.status, headers, body, parsed=told)

    def _parsed(self, body: bytes) -> dict[str, Any]:
        """The answer as an object; a 200 that holds anything else (a proxy's HTML page, nothing) is no answer."""
        try:
            return jsonio.loads_object(body)
        except jsonio.BadJson:
            answer = UpstreamError(f"The provider {self._name!r} answered 200 with something that is not JSON.")
            raise AttemptFailed("bad-answer", answer, error_type="not_json") from None
