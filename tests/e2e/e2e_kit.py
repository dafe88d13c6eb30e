"""What the end-to-end tests share: the proxy as a process, a simulated provider in a thread, raw sockets both ways."""

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import psutil
import yaml
from multidict import CIMultiDictProxy

from tailrace.sim import RunningSim, SimSettings
from tailrace.sim import running as sim_running

TAILRACE = str(Path(sys.executable).parent / "tailrace")
SECRET = "sk-very-secret-4711-do-not-show"


# The proxy.


@dataclass
class Served:
    """A proxy process that is listening."""

    process: subprocess.Popen[str]
    port: int
    admin_port: int
    log: Path

    @property
    def root(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.root}/v1"

    @property
    def admin(self) -> str:
        return f"http://127.0.0.1:{self.admin_port}"

    @property
    def config(self) -> Path:
        return self.log.parent / "tailrace.yaml"

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def wait(self, timeout_s: float = 20) -> int:
        return self.process.wait(timeout_s)

    def lines(self) -> list[str]:
        return self.log.read_text(errors="replace").splitlines()

    def descriptors(self) -> int:
        return psutil.Process(self.process.pid).num_fds()

    def rss_bytes(self) -> int:
        return int(psutil.Process(self.process.pid).memory_info().rss)


Serve = Callable[..., Served]


def clean_env(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment without what would configure a proxy."""
    keep = {
        k: v for k, v in os.environ.items() if not k.endswith("_API_KEY") and not k.startswith(("OTEL_", "TAILRACE"))
    }
    return {**keep, **(extra or {})}


def start(config: Mapping[str, Any], folder: Path, env: Mapping[str, str] | None = None) -> Served:
    """Start a proxy and wait until it listens."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "tailrace.yaml"
    path.write_text(yaml.safe_dump(dict(config), sort_keys=False))
    log = folder / "stderr.log"
    with log.open("w") as sink:
        process = subprocess.Popen(
            [TAILRACE, "serve", "--config", str(path)],
            stderr=sink,
            stdout=subprocess.DEVNULL,
            text=True,
            cwd=folder,
            env=clean_env(env),
        )
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        text = log.read_text()
        found = re.search(r"listening\s+http://\S+?:(\d+)/v1", text)
        admin = re.search(r"admin\s+http://\S+?:(\d+)/", text)
        if found and "traces " in text:
            return Served(process, int(found[1]), int(admin[1]) if admin else 0, log)
        if process.poll() is not None:
            raise AssertionError(f"the proxy ended with {process.returncode}: {text}")
        time.sleep(0.02)
    process.kill()
    raise AssertionError(f"the proxy does not listen: {log.read_text()}")


@contextmanager
def serving(folder: Path) -> Iterator[Serve]:
    """A function that starts proxies; all are killed when the block is left."""
    started: list[Served] = []

    def serve(config: Mapping[str, Any], env: Mapping[str, str] | None = None) -> Served:
        served = start(config, folder / f"proxy-{len(started)}", env)
        started.append(served)
        return served

    yield serve
    for served in started:
        served.process.kill()
        served.process.wait()


def proxy_config(sim_url: str, **sections: Any) -> dict[str, Any]:
    """A configuration in front of the simulated provider, on free ports; sections replace or add."""
    config: dict[str, Any] = {
        "server": {"port": 0},
        "admin": {"port": 0},
        "providers": {"sim": {"base_url": sim_url}},
    }
    for name, value in sections.items():
        if isinstance(value, dict) and isinstance(config.get(name), dict) and name != "providers":
            config[name] = {**config[name], **value}
        else:
            config[name] = value
    return config


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


# The simulated provider, in a thread of its own: a test that blocks its loop does not block the provider.


@dataclass
class Sim:
    """A simulated provider on another thread's loop."""

    running: RunningSim
    loop: asyncio.AbstractEventLoop

    @property
    def url(self) -> str:
        return self.running.url

    @property
    def root(self) -> str:
        return self.running.url.removesuffix("/v1")

    def _ask(self, read: Callable[[], Any]) -> Any:
        async def call() -> Any:
            return read()

        return asyncio.run_coroutine_threadsafe(call(), self.loop).result(10)

    def stats(self) -> dict[str, Any]:
        found: dict[str, Any] = self._ask(self.running.journal.stats)
        return found

    def entries(self, test_id: str | None = None, model: str | None = None) -> list[dict[str, Any]]:
        """What was received, of one model, or with one `x-test-id` header."""
        journal = self.running.journal

        def read() -> list[dict[str, Any]]:
            # Showing an entry parses and hashes its body: only those that are wanted.
            return [
                entry.shown()
                for entry in journal._entries
                if (model is None or entry.model == model)
                and (test_id is None or entry.headers.get("x-test-id") == test_id)
            ]

        found: list[dict[str, Any]] = self._ask(read)
        return found


@contextmanager
def sim_thread(**settings: Any) -> Iterator[Sim]:
    """A simulated provider without delays in a thread."""
    ready = threading.Event()
    found: list[Sim] = []
    ending: list[asyncio.Event] = []

    async def main() -> None:
        given = {"first_token_ms": 0.0, "per_token_ms": 0.0, **settings}
        async with sim_running(SimSettings(**given)) as running:
            end = asyncio.Event()
            ending.append(end)
            found.append(Sim(running, asyncio.get_running_loop()))
            ready.set()
            await end.wait()

    thread = threading.Thread(target=lambda: asyncio.run(main()), daemon=True)
    thread.start()
    assert ready.wait(20)
    yield found[0]
    found[0].loop.call_soon_threadsafe(ending[0].set)
    thread.join(10)


# A provider that does exactly what a test says, byte by byte.


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


# Clients.


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


@dataclass
class Event:
    """A server-sent event as a client dispatches it."""

    name: str
    data: str

    def json(self) -> Any:
        return orjson.loads(self.data)


def events(body: bytes) -> list[Event]:
    """Events of a stream by the WHATWG rules, read independently of the proxy's own reader."""
    text = body.decode("utf-8-sig")
    found: list[Event] = []
    name, data = "", []
    for line in re.split(r"\r\n|\r|\n", text):
        if not line:
            if data:
                found.append(Event(name, "\n".join(data)))
            name, data = "", []
            continue
        key, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if key == "data":
            data.append(value)
        elif key == "event":
            name = value
    return found


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


def split_answer(raw: bytes) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of a raw answer."""
    head, _, body = raw.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
    return int(lines[0].split()[1]), headers, body


def is_openai_error(told: Any) -> bool:
    """Whether this is an error object as OpenAI's clients read it."""
    return (
        isinstance(told, dict)
        and isinstance(told.get("error"), dict)
        and {"message", "type", "param", "code"} <= set(told["error"])
        and isinstance(told["error"]["message"], str)
        and isinstance(told["error"]["type"], str)
    )


def is_anthropic_error(told: Any) -> bool:
    """Whether this is an error object as Anthropic's clients read it."""
    return (
        isinstance(told, dict)
        and told.get("type") == "error"
        and isinstance(told.get("error"), dict)
        and isinstance(told["error"].get("type"), str)
        and isinstance(told["error"].get("message"), str)
        and isinstance(told.get("request_id"), str)
    )


async def until(condition: Callable[[], Any], timeout_s: float = 10.0, what: str = "") -> Any:
    """Wait until `condition` gives something true; a coroutine is awaited. Fails after `timeout_s`."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout_s
    while True:
        result = condition()
        if asyncio.iscoroutine(result):
            result = await result
        if result:
            return result
        assert loop.time() < deadline, f"not within {timeout_s} s: {what or condition}"
        await asyncio.sleep(0.01)
