"""aiohttp's low-level server, with its gaps closed: error bodies, header deadline, quiet logs."""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from aiohttp.http_parser import HttpRequestParser
from aiohttp.web_protocol import RequestHandler

from tailrace.errors import BadRequest
from tailrace.http.respond import error_response

Handle = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

_log = logging.getLogger("tailrace.http")
# aiohttp logs a parser error's raw buffer, Authorization included; what matters of it is counted and told here.
_aiohttp_log = logging.getLogger("tailrace.http.aiohttp")
_aiohttp_log.addHandler(logging.NullHandler())
_aiohttp_log.propagate = False


class Connection(RequestHandler):
    """One client connection."""

    head_since = 0.0
    """Loop time at which a request's head began to come in, 0 while none does."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client connected; its first request's head is due."""
        super().connection_made(transport)
        self.head_since = self._loop.time()

    def data_received(self, data: bytes) -> None:
        """Bytes came in: a head, or part of a body."""
        if self.head_since == 0.0 and self._current_request is None:
            self.head_since = self._loop.time()
        super().data_received(data)
        request = self._current_request
        if request is not None and self._messages and not request.content.is_eof():
            # A further message while a body is still coming in can only be the parser's error about that body; aiohttp
            # would tell it after the current handler, who waits for the rest of the body.
            request.content.set_exception(BadRequest("The body's framing is broken.", code="bad_http"))
        if self.head_since and (self._messages or self._current_request is not None):
            self.head_since = 0.0

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        """Answer what the parser refused. Its message quotes the sender's bytes, so it is neither sent nor logged."""
        if status == 400:
            error = BadRequest("The request is not valid HTTP/1.1.", code="bad_http")
        else:
            _log.error("a request failed inside the server: %s", type(exc).__name__)
            error = BadRequest(
                "The proxy failed to serve this request.", status=status, kind="api_error", code="internal"
            )
        response = error_response(error, anthropic=False, request_id=f"req_{secrets.token_hex(16)}")
        response.force_close()
        return response


class Server(web.Server):
    """The server for one listening port; `sweep` closes connections whose request head does not come."""

    def __init__(self, handle: Handle, *, header_timeout_s: float, keep_alive_s: float) -> None:
        # The pure-Python parser accepts request smuggling that the C parser refuses.
        if "Py" in HttpRequestParser.__name__:
            raise RuntimeError("aiohttp's C parser is not available; reinstall aiohttp from a binary wheel")
        self._options: dict[str, Any] = {
            "keepalive_timeout": keep_alive_s,
            "access_log": None,
            "logger": _aiohttp_log,
            "auto_decompress": False,
            "lingering_time": 2.0,
        }
        super().__init__(handle, handler_cancellation=True, **self._options)
        self._header_timeout_s = header_timeout_s

    def __call__(self) -> RequestHandler:
        """A protocol for a new connection."""
        return Connection(self, loop=self._loop, **self._options)

    async def sweep(self) -> None:
        """Runs for ever: once a second, close connections that have been sending a head for too long."""
        while True:
            await asyncio.sleep(min(1.0, self._header_timeout_s / 4))
            latest = self._loop.time() - self._header_timeout_s
            for connection in self.connections:
                since = getattr(connection, "head_since", 0.0)
                if since and since < latest:
                    connection.force_close()
