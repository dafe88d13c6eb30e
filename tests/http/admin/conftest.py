"""The admin port on a socket, and raw requests to it."""

import pytest

from tailrace.cache.caches import Caches
from tailrace.config.models import Admin as Settings
from tailrace.http.admin import Admin


@pytest.fixture
def admin(listen):
    """Start an admin port: `ask = await admin(token=...)`; `await ask(path, *headers)` gives status and body."""

    async def start(*, draining=False, caches=None, **settings):
        accepts = []

        def exposition(accept):
            accepts.append(accept)
            return lambda: (b"metrics 1\n", "text/plain; version=0.0.4")

        send = await listen(Admin(Settings(**settings), lambda: draining, exposition, caches or Caches()))

        async def ask(path, *headers, method="GET", host="localhost", body=None):
            lines = [f"{method} {path} HTTP/1.1", *([f"host: {host}"] if host is not None else []), *headers]
            lines += [f"content-length: {len(body)}"] if body is not None else []
            answer = await send("\r\n".join([*lines, "", ""]).encode() + (body or b""))
            head, _, told = answer.partition(b"\r\n\r\n")
            ask.head = head
            return int(head.split()[1]), told

        ask.accepts = accepts
        return ask

    return start
