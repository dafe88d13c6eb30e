"""What the tests of limits share: small bounds, and clients that read nothing."""

import socket
from typing import Any

import orjson

from e2e_kit.client import chat
from e2e_kit.process import proxy_config

MOST = 50_000


def small_config(sim_url: str) -> dict[str, Any]:
    """Small bounds."""
    providers = {"sim": {"base_url": sim_url}, "claude": {"base_url": sim_url, "dialect": "anthropic"}}
    server = {"max_body_bytes": MOST, "body_idle_s": 0.6, "header_timeout_s": 0.8, "max_in_flight": 50}
    return proxy_config(sim_url, providers=providers, server=server)


def deaf(port: int, request: bytes) -> socket.socket:
    """A connection that sends a request and reads nothing."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.connect(("127.0.0.1", port))
    sock.sendall(request)
    return sock


def stream_request(model: str) -> bytes:
    raw = orjson.dumps(chat(model, stream=True))
    return b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b" % (len(raw), raw)
