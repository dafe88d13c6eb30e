"""Which headers cross the proxy, in both directions (RFC 9110, section 7.6.1)."""

from collections.abc import Mapping

from multidict import CIMultiDict, CIMultiDictProxy

HOP_HEADER = "x-tailrace-hop"

HOP_BY_HOP = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)

# Never sent to a provider: what speaks of this hop, what could name another host, what belongs to another site.
_NOT_UPSTREAM = HOP_BY_HOP | {
    "host",
    "content-length",
    "expect",
    "accept-encoding",
    "cookie",
    "authorization",
    "x-api-key",
    "api-key",
    "traceparent",
    "tracestate",
    "baggage",
    "forwarded",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-forwarded-port",
    "x-forwarded-server",
    "x-real-ip",
    "x-host",
    "x-original-host",
    "x-original-url",
    "x-rewrite-url",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-forwarded-prefix",
}

# Never sent to a client: framing that is made anew here, and what a browser would take as said by this host.
_NOT_DOWNSTREAM = HOP_BY_HOP | {"content-length", "set-cookie", "set-cookie2", "alt-svc", "strict-transport-security"}

_OURS = "x-tailrace-"


_passes: dict[str, bool] = {}
"""Verdicts on the spellings seen so far: the same few dozen names come with every request."""
_MOST_SPELLINGS = 4096


def _passes_upstream(name: str) -> bool:
    verdict = _passes.get(name)
    if verdict is None:
        lower = name.lower()
        verdict = lower not in _NOT_UPSTREAM and not lower.startswith(_OURS)
        if len(_passes) < _MOST_SPELLINGS and len(name) <= 64:
            _passes[name] = verdict
    return verdict


def for_provider(headers: Mapping[str, str]) -> "CIMultiDict[str]":
    """The client's headers that go on to the provider.

    Without hop-by-hop headers, those that `Connection` names, credentials, trace context and everything of ours: what
    of these the provider needs is added by the dialect.
    """
    kept = [item for item in headers.items() if _passes_upstream(item[0])]
    if named := _named_by_connection(headers):
        kept = [item for item in kept if item[0].lower() not in named]
    return CIMultiDict(kept)


def for_client(headers: Mapping[str, str], *, decoded: bool = False) -> "CIMultiDict[str]":
    """The provider's headers that go on to the client; `decoded` when the body's encoding was taken off here."""
    named = _named_by_connection(headers)
    sent: CIMultiDict[str] = CIMultiDict()
    for name, value in headers.items():
        lower = name.lower()
        if lower in _NOT_DOWNSTREAM or lower in named or lower.startswith(_OURS):
            continue
        if decoded and lower == "content-encoding":
            continue
        sent.add(name, value if value.isascii() else writable(value))
    return sent


def writable(value: str) -> str:
    """A value that held bytes which are no UTF-8, as text aiohttp can write: Latin-1 then (RFC 9110, section 5.5)."""
    raw = value.encode("utf-8", "surrogateescape")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def client_credential(headers: Mapping[str, str]) -> str | None:
    """The credential a client presents: bearer token, or Anthropic's and Azure's own headers; None without one."""
    given = headers.get("authorization")
    if given is not None:
        scheme, _, token = given.partition(" ")
        return token.strip() or None if scheme.lower() == "bearer" else None
    return headers.get("x-api-key") or headers.get("api-key") or None


def _named_by_connection(headers: Mapping[str, str]) -> frozenset[str]:
    """The header names that `Connection` makes hop-by-hop; several lines of it count as one (RFC 9110, section 5.3)."""
    value = headers.get("connection")
    if value is None:
        return frozenset()
    if isinstance(headers, CIMultiDict | CIMultiDictProxy):
        value = ",".join(headers.getall("connection"))
    if value in ("keep-alive", "close"):
        return frozenset()
    # `Connection: authorization` must not strip our own credential: those are added after this filter.
    return frozenset(name.strip().lower() for name in value.split(","))
