"""Opening connections: names, addresses in parallel (RFC 8305), TLS, forward proxies."""

import asyncio
import base64
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Literal, TypeVar
from urllib.parse import unquote, urlsplit

import aiohappyeyeballs

P = TypeVar("P", bound=asyncio.Protocol)

_PROXY_HEAD_BYTES = 16_384


@dataclass(frozen=True, slots=True)
class Origin:
    """Where to connect: scheme, host and port, and the forward proxy to go through, if any."""

    scheme: str
    host: str
    port: int
    proxy: str | None = None


class CannotConnect(Exception):
    """No connection could be made; nothing of a request was sent. `why` is a closed set of words for telemetry."""

    def __init__(self, why: Literal["dns", "connect", "tls", "connect_timeout", "proxy", "no_place"]) -> None:
        super().__init__(why)
        self.why = why


@cache
def _tls() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


async def dial(origin: Origin, make: Callable[[], P], timeout_s: float) -> P:
    """A connected protocol; raises `CannotConnect`. All of it, name and TLS included, has `timeout_s` seconds."""
    sock: socket.socket | None = None
    loop = asyncio.get_running_loop()
    tls = _tls() if origin.scheme == "https" else None
    try:
        async with asyncio.timeout(timeout_s):
            if origin.proxy is not None:
                sock = await _through_proxy(origin)
            else:
                sock = await _tcp(origin.host, origin.port)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            _, protocol = await loop.create_connection(
                make, sock=sock, ssl=tls, server_hostname=origin.host if tls is not None else None
            )
            return protocol
    except TimeoutError:
        _close(sock)
        raise CannotConnect("connect_timeout") from None
    except (socket.gaierror, UnicodeError):
        # UnicodeError: not a host name at all (IDNA).
        raise CannotConnect("dns") from None
    except ssl.SSLError:
        _close(sock)
        raise CannotConnect("tls") from None
    except OSError:
        _close(sock)
        raise CannotConnect("connect") from None
    except BaseException:
        _close(sock)
        raise


async def _tcp(host: str, port: int) -> socket.socket:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return await aiohappyeyeballs.start_connection(found, happy_eyeballs_delay=0.25, interleave=1)


async def _through_proxy(origin: Origin) -> socket.socket:
    """A tunnel for https (CONNECT); for http a plain connection, whose requests name the whole URL."""
    parts = urlsplit(origin.proxy or "")
    try:
        sock = await _tcp(parts.hostname or "", parts.port or 3128)
    except (OSError, UnicodeError):
        raise CannotConnect("proxy") from None
    if origin.scheme != "https":
        return sock
    loop = asyncio.get_running_loop()
    try:
        where = f"[{origin.host}]:{origin.port}" if ":" in origin.host else f"{origin.host}:{origin.port}"
        ask = f"CONNECT {where} HTTP/1.1\r\nhost: {where}\r\n{proxy_authorization(origin.proxy)}\r\n"
        await loop.sock_sendall(sock, ask.encode("latin-1"))
        answer = b""
        while b"\r\n\r\n" not in answer:
            piece = await loop.sock_recv(sock, 4096)
            answer += piece
            if not piece or len(answer) > _PROXY_HEAD_BYTES:
                raise CannotConnect("proxy")
        if answer.split(b" ", 2)[1:2] != [b"200"]:
            raise CannotConnect("proxy")
    except BaseException:
        sock.close()
        raise
    return sock


def proxy_authorization(proxy: str | None) -> str:
    """The header line for the credentials in a forward proxy's URL; empty without any."""
    parts = urlsplit(proxy or "")
    if not parts.username:
        return ""
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return f"proxy-authorization: Basic {base64.b64encode(pair.encode()).decode()}\r\n"


def _close(sock: socket.socket | None) -> None:
    if sock is not None:
        sock.close()
