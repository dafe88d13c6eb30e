"""Clients: whole requests over HTTP, and raw bytes on a socket."""

import asyncio
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
import orjson
from multidict import CIMultiDictProxy

SECRET = "sk-very-secret-4711-do-not-show"


@dataclass
class Answer:
    """A whole answer as it came over the wire."""

    status: int
    headers: CIMultiDictProxy[str]
    body: bytes

    def json(self) -> Any:
        return orjson.loads(self.body)


def fresh() -> str:
    """An id for `x-test-id`."""
    return uuid.uuid4().hex


async def send(
    http: aiohttp.ClientSession,
    url: str,
    payload: Any = None,
    *,
    method: str | None = None,
    data: Any = None,
    headers: Mapping[str, str | None] | None = None,
    timeout_s: float = 20,
) -> Answer:
    """One request; the whole answer. A header that is None is left out."""
    asked = {"authorization": f"Bearer {SECRET}", **(headers or {})}
    given = {name: value for name, value in asked.items() if value is not None}
    if payload is not None:
        data = orjson.dumps(payload)
        given.setdefault("content-type", "application/json")
    timeout = aiohttp.ClientTimeout(total=timeout_s)
    async with http.request(
        method or ("GET" if data is None else "POST"),
        url,
        data=data,
        headers=given,
        timeout=timeout,
        allow_redirects=False,
    ) as response:
        return Answer(response.status, response.headers, await response.read())


def chat(model: str = "gpt-4o", text: str = "Tell me about tides.", **more: Any) -> dict[str, Any]:
    """A chat request."""
    return {"model": model, "messages": [{"role": "user", "content": text}], **more}


BODIES: dict[str, tuple[str, dict[str, Any]]] = {
    "chat": ("/chat/completions", {"messages": [{"role": "user", "content": "Tell me about tides."}]}),
    "completions": ("/completions", {"prompt": "Tell me about tides."}),
    "responses": ("/responses", {"input": "Tell me about tides."}),
    "messages": ("/messages", {"messages": [{"role": "user", "content": "Tell me about tides."}], "max_tokens": 200}),
}
"""Path and body, less the model, of a request in each streaming shape."""


def body_for(shape: str, model: str, **more: Any) -> dict[str, Any]:
    """A request body in a shape."""
    return {"model": model, **BODIES[shape][1], **more}


async def raw_exchange(port: int, request: bytes, timeout_s: float = 8) -> bytes:
    """Send bytes on a connection of their own; all that comes until the proxy closes it or one answer is whole."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request)
        await writer.drain()
        return await raw_answer(reader, timeout_s)
    finally:
        writer.close()


async def raw_answer(reader: asyncio.StreamReader, timeout_s: float = 8) -> bytes:
    """All bytes until the connection closes, or an answer with a length is whole and nothing follows for a moment."""
    got = b""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout_s
    while True:
        head, found, body = got.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)\r\ncontent-length: (\d+)", head)
        complete = bool(found and length and len(body) >= int(length[1]))
        try:
            # After a whole answer a second one, to a smuggled request, would follow at once.
            async with asyncio.timeout(0.2 if complete else max(0.01, deadline - loop.time())):
                piece = await reader.read(65536)
        except TimeoutError:
            assert complete, f"no whole answer within {timeout_s} s: {got[:200]!r}"
            return got
        except ConnectionError:
            return got
        if not piece:
            return got
        got += piece
