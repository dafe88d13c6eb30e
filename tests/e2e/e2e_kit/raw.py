"""A provider that does exactly what a test says, byte by byte."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import orjson


@dataclass
class RawRequest:
    """What a scripted provider received."""

    head: bytes
    body: bytes = b""

    @property
    def headers(self) -> list[tuple[str, str]]:
        lines = self.head.decode("latin-1").split("\r\n")[1:]
        return [(name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines) if name]

    def header(self, name: str) -> str | None:
        return next((value for found, value in self.headers if found == name), None)


@dataclass
class RawProvider:
    """A TCP server; `answer` is called with each request and writes whatever it likes."""

    url: str
    requests: list[RawRequest] = field(default_factory=list)
    connections: int = 0


Script = Callable[[RawRequest, asyncio.StreamWriter], Awaitable[bool | None]]


@asynccontextmanager
async def raw_provider(answer: Script, *, read_body: bool = True) -> AsyncIterator[RawProvider]:
    """Listen on a free port; `answer` returns True to keep the connection open for another request."""
    made = RawProvider("")
    tasks: set[asyncio.Task[None]] = set()

    async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        made.connections += 1
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n"))[:-4]
                request = RawRequest(head)
                made.requests.append(request)
                if read_body:
                    request.body = await _read_request_body(request, reader)
                if not await answer(request, writer):
                    break
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            # Cancelled only by the end of this provider, below.
            pass
        finally:
            tasks.discard(task)
            writer.close()

    server = await asyncio.start_server(connection, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    try:
        yield made
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _read_request_body(request: RawRequest, reader: asyncio.StreamReader) -> bytes:
    if (length := request.header("content-length")) is not None:
        return await reader.readexactly(int(length))
    if request.header("transfer-encoding") != "chunked":
        return b""
    body = b""
    while True:
        size = int((await reader.readline()).strip(), 16)
        body += await reader.readexactly(size)
        await reader.readexactly(2)
        if size == 0:
            return body


STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


def chunk(data: bytes) -> bytes:
    """One chunk of a chunked body; of no data, its end."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def whole(body: bytes, *headers: bytes, status: bytes = b"200 OK", content_type: bytes = b"application/json") -> bytes:
    """An HTTP answer with a length."""
    lines = [b"HTTP/1.1 " + status, b"content-type: " + content_type, b"content-length: %d" % len(body), *headers]
    return b"\r\n".join([*lines, b"", body])


def delta(text: str, finish: str | None = None) -> bytes:
    """A chat chunk as an event."""
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": finish}
    told = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
    return b"data: " + orjson.dumps(told) + b"\n\n"


COMPLETION = orjson.dumps(
    {
        "id": "c1",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    }
)
