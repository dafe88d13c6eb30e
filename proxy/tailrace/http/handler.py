"""One request, from its head to its outcome."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

from aiohttp import web

from tailrace.config.models import Server as ServerSettings
from tailrace.errors import BadRequest, NotFound, Overloaded, TailraceError
from tailrace.exchange import ClientRequest, Exchange, Outcome
from tailrace.gateway import Gateway
from tailrace.http.body import checked, paced, parse_object, read_body
from tailrace.http.deliver import Deliverer
from tailrace.http.models import list_models
from tailrace.http.respond import error_response
from tailrace.outcome import settle
from tailrace.telemetry.recorder import Recorder
from tailrace.trail import Trail
from tailrace.upstream.headers import HOP_HEADER
from tailrace.wire.endpoints import ANTHROPIC_PASSTHROUGH, PASSTHROUGH, Endpoint, EndpointKind, NoEndpoint, match
from tailrace.wire.session import MAX_ID_CHARS, given_session

_log = logging.getLogger("tailrace.http")

State = Literal["complete", "client_left", "failed"]


@dataclass(slots=True)
class _Visit:
    """What is known of a request while it is served."""

    trail: Trail
    endpoint: Endpoint = PASSTHROUGH
    exchange: Exchange | None = None
    status: int = 0
    state: State = "complete"
    error_type: str = ""


class Handler:
    """Serves the clients' port. `gateway` gives the configuration in force; a reload replaces what it returns."""

    def __init__(self, gateway: Callable[[], Gateway], settings: ServerSettings, recorder: Recorder, hop: str) -> None:
        self._gateway = gateway
        self._settings = settings
        self._recorder = recorder
        self._hop = hop
        self._deliverer = Deliverer(settings.write_stall_s, gateway().services.clock.monotonic)
        self._tasks: set[asyncio.Task[object]] = set()
        self.draining = False

    @property
    def in_flight(self) -> int:
        """Requests being served now."""
        return len(self._tasks)

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """Serve one request; called by the server for each."""
        path = request.rel_url.raw_path
        if path in ("/livez", "/readyz"):
            return self._health(path)
        visit = _Visit(self._recorder.begin(request.headers, request.method))
        gateway = self._gateway()
        task = asyncio.current_task()
        if len(self._tasks) >= self._settings.max_in_flight:
            return self._refuse(request, visit, Overloaded("The proxy is at its limit of requests in flight."))
        if task is not None:
            self._tasks.add(task)
        gateway.serving += 1
        try:
            return await self._serve(request, visit, gateway)
        except (asyncio.CancelledError, ConnectionError):
            if visit.state == "complete":
                visit.state = "client_left"
            visit.status = visit.status or 499
            raise
        finally:
            if task is not None:
                self._tasks.discard(task)
            gateway.leave()
            self._end(visit, gateway)

    async def _serve(self, request: web.BaseRequest, visit: _Visit, gateway: Gateway) -> web.StreamResponse:
        try:
            exchange = visit.exchange = await self._exchange(request, visit, gateway)
            if exchange.endpoint.kind is EndpointKind.MODELS:
                reply = await list_models(gateway, exchange)
            else:
                reply = await gateway.chain.run(exchange)
            reply = self._recorder.tapped(exchange, reply)
            visit.status = reply.status
        except TailraceError as error:
            return await self._tell(request, visit, error)
        except ConnectionError:
            raise
        except asyncio.CancelledError:
            if not self._deliverer.stopping:
                raise
            if (task := asyncio.current_task()) is not None:
                task.uncancel()
            return await self._tell(request, visit, Overloaded("The proxy is shutting down."))
        except Exception as error:  # noqa: BLE001
            # A defect of ours. Its text may hold anything: only its type and place are told.
            place = _place(error)
            _log.error("request %s failed: %s at %s", visit.trail.request_id, type(error).__name__, place)
            return await self._tell(request, visit, TailraceError("The proxy failed to serve this request."))
        try:
            delivery = await self._deliverer.deliver(request, exchange, reply, last=self.draining)
        except ConnectionError:
            raise
        except Exception as error:  # noqa: BLE001
            # Part of the answer may be on its way: there is no honest way to go on but to break the connection.
            await reply.aclose()
            _log.error("request %s broke: %s at %s", visit.trail.request_id, type(error).__name__, _place(error))
            visit.state, visit.error_type, visit.status = "failed", "internal_error", 500
            if request.transport is not None:
                request.transport.close()
            raise ConnectionResetError("the answer could not be written") from None
        visit.state, visit.error_type = delivery.state, delivery.error_type
        return delivery.response

    async def _exchange(self, request: web.BaseRequest, visit: _Visit, gateway: Gateway) -> Exchange:
        """Find the endpoint, admit the caller, read the body once."""
        headers, trail = request.headers, visit.trail
        raw_path, _, query = request.raw_path.partition("?")
        found = match(request.method, raw_path)
        if isinstance(found, NoEndpoint):
            if raw_path.startswith("/v1/messages"):
                visit.endpoint = ANTHROPIC_PASSTHROUGH
            raise _no_endpoint(found)
        endpoint = visit.endpoint = found
        if "upgrade" in headers and headers["upgrade"].lower() == "websocket":
            message = "WebSockets are not served here; use HTTP with server-sent events."
            raise BadRequest(message, status=426, code="upgrade_required", headers={"connection": "close"})
        if (past := headers.get(HOP_HEADER)) is not None and self._hop in past.split(","):
            raise TailraceError(
                "The request came back to this proxy: a provider's base_url points at it.",
                status=508,
                code="loop_detected",
                permanent=True,
            )
        caller = gateway.doorkeeper.admit(headers)
        skip = gateway.chain.skips(headers["x-tailrace-skip"]) if "x-tailrace-skip" in headers else frozenset()
        payload: dict[str, object] = {}
        raw: bytes | None = b""
        upload = None
        settings = self._settings
        if endpoint.reads_json:
            if "expect" in headers:
                await _continue(request, settings.max_body_bytes)
            raw = await read_body(request, settings.max_body_bytes, settings.body_idle_s)
            payload = await parse_object(raw, refuse_twice=gateway.routes_by_model)
            checked(payload, needs_model=True)
        elif request.body_exists:
            if "expect" in headers:
                await _continue(request, None)
            upload = paced(request.content, settings.body_idle_s)
            raw = None
        session = headers.get("x-tailrace-session")
        if session is not None and len(session) > MAX_ID_CHARS:
            raise BadRequest(f"x-tailrace-session is longer than {MAX_ID_CHARS} characters.", code="bad_session")
        return Exchange(
            ClientRequest(
                trail.request_id,
                request.method,
                raw_path,
                query,
                endpoint,
                headers,
                caller.tenant,
                caller.credential,
                skip,
                given_session(session, payload),
                "x-tailrace-no-store" in headers,
            ),
            payload,
            raw,
            trail,
            upload,
        )

    async def _tell(self, request: web.BaseRequest, visit: _Visit, error: TailraceError) -> web.StreamResponse:
        """Answer with an error, and send it before the request is accounted for."""
        visit.status = error.status
        visit.error_type = getattr(error, "error_type", "") or error.code or str(error.status)
        response = error_response(
            error, anthropic=visit.endpoint.anthropic, request_id=visit.trail.request_id, trail=visit.trail
        )
        if self.draining or not request.content.is_eof():
            # The rest of a body nobody reads must not be taken for the next request.
            response.force_close()
        await response.prepare(request)
        await response.write_eof()
        return response

    def _refuse(self, request: web.BaseRequest, visit: _Visit, error: Overloaded) -> web.Response:
        error.headers["retry-after"] = "1"
        visit.status, visit.error_type = error.status, error.code or ""
        self._end(visit, self._gateway())
        anthropic = request.rel_url.raw_path.startswith("/v1/messages")
        return error_response(error, anthropic=anthropic, request_id=visit.trail.request_id, trail=visit.trail)

    def _end(self, visit: _Visit, gateway: Gateway) -> None:
        trail, exchange = visit.trail, visit.exchange
        now = trail.ended = trail.ended or gateway.services.clock.monotonic()
        request_bytes = len(exchange.raw) if exchange is not None and exchange.raw is not None else 0
        ended = partial(
            settle,
            trail,
            visit.state,
            visit.status,
            gateway.services.prices,
            now,
            request_bytes=request_bytes,
            error_type=visit.error_type,
        )
        if trail.enders:
            outcome = ended()
            for plugin, tell in trail.enders:
                _tell_end(plugin, tell, outcome)
            ended = partial(_same, outcome)
        self._recorder.finish(visit.endpoint, exchange, trail, ended)

    def _health(self, path: str) -> web.Response:
        if path == "/readyz" and self.draining:
            return web.Response(status=503, text="draining\n")
        return web.Response(text="ok\n")

    async def drain(self, timeout_s: float) -> None:
        """Let what is in flight finish for `timeout_s` seconds, then end it: streams in-band, the rest with 503."""
        self.draining = True
        loop = asyncio.get_running_loop()
        until = loop.time() + timeout_s
        # Again and again: requests may still come in on connections that are kept alive.
        while self._tasks and (left_s := until - loop.time()) > 0:
            await asyncio.wait(self._tasks, timeout=left_s)
        if self._tasks:
            self._deliverer.stopping = True
            left = list(self._tasks)
            for task in left:
                task.cancel()
            await asyncio.wait(left, timeout=5.0)


def _no_endpoint(found: NoEndpoint) -> TailraceError:
    headers = {"allow": found.allow} if found.allow else {}
    if found.status == 404:
        return NotFound(found.message)
    return BadRequest(found.message, status=found.status, code="bad_path", headers=headers)


async def _continue(request: web.BaseRequest, most_bytes: int | None) -> None:
    """Answer `Expect: 100-continue`, unless the body is going to be refused anyway."""
    if request.headers["expect"].lower() != "100-continue":
        raise BadRequest("Only Expect: 100-continue is supported.", status=417, code="bad_expect")
    if most_bytes is None or (request.content_length or 0) <= most_bytes:
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0


def _tell_end(plugin: str, tell: Callable[[Outcome], None], outcome: Outcome) -> None:
    try:
        tell(outcome)
    except Exception as error:  # noqa: BLE001 - one listener's failure must not keep the others from hearing
        _log.warning("plugin %s failed at the end of a request: %s", plugin, type(error).__name__)


def _same(outcome: Outcome) -> Outcome:
    return outcome


def _place(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace is not None else "?"
