"""The operator's port: liveness, readiness, metrics."""

import asyncio
from collections.abc import Callable

from aiohttp import web

from tailrace.config.models import Admin as AdminSettings
from tailrace.errors import NotFound, TailraceError, Unauthorized
from tailrace.http.respond import error_response
from tailrace.http.who import token_fits

Exposition = Callable[[str], Callable[[], tuple[bytes, str]]]
"""Takes the scraper's `Accept` header; gives a function, for any thread, of the metrics and their content type."""


class Admin:
    """Serves the admin port. `/livez` and `/readyz` need no token: orchestrators ask them."""

    def __init__(self, settings: AdminSettings, draining: Callable[[], bool], exposition: Exposition) -> None:
        self._token = settings.token.get_secret_value() if settings.token is not None else None
        self._draining = draining
        self._exposition = exposition

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """Serve one request."""
        try:
            return await self._serve(request)
        except TailraceError as error:
            return error_response(error, anthropic=False, request_id="")

    async def _serve(self, request: web.BaseRequest) -> web.Response:
        path = request.rel_url.raw_path
        if path == "/livez":
            return web.Response(text="ok\n")
        if path == "/readyz":
            return web.Response(status=503, text="draining\n") if self._draining() else web.Response(text="ok\n")
        if self._token is not None and not token_fits(request.headers, self._token):
            raise Unauthorized("The admin port needs its token.", headers={"www-authenticate": "Bearer"})
        if path == "/metrics" and request.method in ("GET", "HEAD"):
            # In a thread: many label combinations take a while to write out.
            body, content_type = await asyncio.to_thread(self._exposition(request.headers.get("accept", "")))
            return web.Response(body=body, headers={"content-type": content_type})
        raise NotFound("No such path on the admin port. There are /livez, /readyz and /metrics.")
