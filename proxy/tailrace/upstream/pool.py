"""A provider's connections, with their failures in the words of the retry loop."""

import urllib.request
from collections.abc import AsyncIterable
from typing import Literal
from urllib.parse import urlsplit

from tailrace.config.models import Provider
from tailrace.errors import UpstreamError, UpstreamTimeout
from tailrace.upstream.dialects.raw import Outgoing
from tailrace.upstream.http1 import BadHttp, CannotConnect, ConnectionPool, Disconnected, Origin, Response, Truncated
from tailrace.upstream.policy import AttemptFailed

_CONNECT_WORDS = {
    "dns": "has a host name that cannot be resolved",
    "tls": "has a TLS certificate or handshake that cannot be accepted",
    "connect_timeout": "did not accept a connection in time",
    "connect": "refused the connection",
    "no_place": "has as many connections as `max_connections` allows, and none came free in time",
    "proxy": "cannot be reached through the configured forward proxy",
}


class Pool:
    """The connections to one provider."""

    def __init__(self, name: str, provider: Provider) -> None:
        self._name = name
        self.origin = origin_of(provider.base_url or "")
        self._connections = ConnectionPool(
            self.origin, keep_alive_s=provider.keep_alive_s, most=provider.max_connections
        )

    async def send(
        self, outgoing: Outgoing, body: bytes | AsyncIterable[bytes] | None, connect_s: float, *, fresh: bool = False
    ) -> Response:
        """Send a request; returns when the answer's head is there. Raises `AttemptFailed`."""
        try:
            return await self._connections.send(
                outgoing.method, outgoing.target, outgoing.headers, body, connect_s, fresh=fresh
            )
        except CannotConnect as error:
            failure = self._failed("connect", _CONNECT_WORDS[error.why], error.why)
            # Our own limit says nothing about the provider.
            failure.healthy = None if error.why == "no_place" else False
            raise failure from None
        except Disconnected:
            raise self._failed("disconnect", "closed the connection before it answered", "disconnect") from None
        except Truncated:
            raise self._failed("bad-answer", "closed the connection within the head of its answer", "cut") from None
        except BadHttp:
            raise self._failed("bad-answer", "answered something that is not HTTP/1.1", "bad_http") from None

    def _failed(
        self, kind: Literal["connect", "disconnect", "bad-answer"], words: str, error_type: str
    ) -> AttemptFailed:
        code = f"upstream_{kind.replace('-', '_')}"
        answer = UpstreamError(f"The provider {self._name!r} {words}.", error_type=error_type, code=code)
        return AttemptFailed(kind, answer, error_type=error_type)

    async def aclose(self) -> None:
        """Close every connection, idle or not."""
        await self._connections.aclose()


def first_event_timeout(name: str, waited_s: float) -> AttemptFailed:
    """The failure of a provider that did not answer in time."""
    answer = UpstreamTimeout(f"The provider {name!r} did not begin to answer within {waited_s:.3g} s.")
    return AttemptFailed("timeout", answer, error_type="timeout")


def origin_of(base_url: str) -> Origin:
    """Where a base URL points, through the forward proxy that HTTPS_PROXY, HTTP_PROXY and NO_PROXY name for it."""
    parts = urlsplit(base_url)
    host, scheme = parts.hostname or "", parts.scheme or "http"
    return Origin(scheme, host, parts.port or (443 if scheme == "https" else 80), _forward_proxy(scheme, host))


def _forward_proxy(scheme: str, host: str) -> str | None:
    if host in ("localhost", "::1") or host.startswith("127."):
        return None
    found = urllib.request.getproxies().get(scheme)
    if not found or urllib.request.proxy_bypass(host):
        return None
    # `host:port` without a scheme is what curl and Python take too.
    return found if "://" in found else f"http://{found}"
