"""The operator's port: who may ask, and what there is to be asked."""

import asyncio
import ipaddress
from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import urlsplit

from aiohttp import web

from tailrace.cache.caches import Caches
from tailrace.config.models import Admin as AdminSettings
from tailrace.errors import BadRequest, Forbidden, NotFound, TailraceError, Unauthorized
from tailrace.http.admin.cache import CacheRoutes
from tailrace.http.respond import error_response
from tailrace.http.who import token_fits

Exposition = Callable[[str], Callable[[], tuple[bytes, str]]]
"""Takes the scraper's `Accept` header; gives a function, for any thread, of the metrics and their content type."""

Route = Callable[[web.BaseRequest], Awaitable[web.Response]]


class Admin:
    """Serves the admin port. `/livez` and `/readyz` need no token: orchestrators ask them."""

    def __init__(
        self, settings: AdminSettings, draining: Callable[[], bool], exposition: Exposition, caches: Caches
    ) -> None:
        self._token = settings.token.get_secret_value() if settings.token is not None else None
        self._host = settings.host
        self._draining = draining
        self._exposition = exposition
        cache = CacheRoutes(caches)
        self._routes: Mapping[str, Mapping[str, Route]] = {
            "/metrics": {"GET": self._metrics, "HEAD": self._metrics},
            "/cache": {"GET": cache.statistics},
            "/cache/purge": {"POST": cache.purge},
        }

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
        self._admit(request)
        methods = self._routes.get(path)
        if methods is None:
            raise NotFound(f"No such path on the admin port. There are /livez, /readyz, {', '.join(self._routes)}.")
        route = methods.get(request.method)
        if route is None:
            allowed = ", ".join(methods)
            message = f"{path} takes {allowed}, not {request.method}."
            raise BadRequest(message, status=405, code="bad_method", headers={"allow": allowed})
        return await route(request)

    def _admit(self, request: web.BaseRequest) -> None:
        """Refuse who has not the token, and every web page: a browser must not be made to operate the proxy.

        Where no token is set (loopback only) a page could still reach it under a name of its own that resolves to
        this machine, so the name must be one of ours.
        """
        if "origin" in request.headers:
            raise Forbidden("The admin port does not serve web pages.", code="bad_origin")
        if self._token is None:
            if not _is_ours(request.headers.get("host", ""), self._host):
                raise Forbidden("The admin port is not known under this Host.", code="bad_host")
        elif not token_fits(request.headers, self._token):
            raise Unauthorized("The admin port needs its token.", headers={"www-authenticate": "Bearer"})

    async def _metrics(self, request: web.BaseRequest) -> web.Response:
        # In a thread: many label combinations take a while to write out.
        body, content_type = await asyncio.to_thread(self._exposition(request.headers.get("accept", "")))
        return web.Response(body=body, headers={"content-type": content_type})


def _is_ours(host_header: str, listening: str) -> bool:
    try:
        name = urlsplit(f"//{host_header}").hostname or ""
    except ValueError:
        return False
    if name in ("", "localhost", listening):
        return bool(name)
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
