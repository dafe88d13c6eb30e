"""The processes of the demo: the simulated provider and the proxy, started and stopped as a user would."""

import asyncio
import importlib.util
import os
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

_START_S = 30.0


@asynccontextmanager
async def provider(first_token_ms: float, per_token_ms: float) -> AsyncIterator[str]:
    """A simulated provider in a process of its own; its base URL."""
    port = _free_port()
    delays = ["--first-token-ms", str(first_token_ms), "--per-token-ms", str(per_token_ms)]
    async with _process("sim", "--port", str(port), *delays, ready=f"http://127.0.0.1:{port}/livez"):
        yield f"http://127.0.0.1:{port}/v1"


@asynccontextmanager
async def proxy(upstream_url: str, collector_url: str, folder: Path) -> AsyncIterator[tuple[str, str]]:
    """A proxy in front of `upstream_url` that exports its traces to `collector_url`; its base URL and its admin's."""
    port, admin_port = _free_port(), _free_port()
    path = folder / "tailrace.yaml"
    # The semantic cache needs its extra.
    semantic = "semantic_cache, " if importlib.util.find_spec("hnswlib") is not None else ""
    path.write_text(
        f"server: {{port: {port}}}\n"
        f"admin: {{port: {admin_port}}}\n"
        f"providers: {{simulated: {{base_url: '{upstream_url}'}}}}\n"
        f"telemetry: {{log: 'off', otlp: {{endpoint: '{collector_url}'}}}}\n"
        f"data_dir: '{folder / 'data'}'\n"
        "preset: balanced\n"
        f"plugins: [exact_cache, {semantic}router, compress]\n"
    )
    async with _process("serve", "--config", str(path), ready=f"http://127.0.0.1:{admin_port}/readyz"):
        yield f"http://127.0.0.1:{port}/v1", f"http://127.0.0.1:{admin_port}"


@asynccontextmanager
async def _process(*arguments: str, ready: str) -> AsyncIterator[None]:
    env = {k: v for k, v in os.environ.items() if not k.startswith(("TAILRACE_", "OTEL_"))}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "from tailrace.cli import main; main()",
        *arguments,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        env=env,
    )
    try:
        await _answers(ready, process)
        yield
    finally:
        if process.returncode is None:
            process.terminate()
        try:
            async with asyncio.timeout(10):
                await process.communicate()
        except TimeoutError:
            process.kill()
            await process.wait()


async def _answers(url: str, process: asyncio.subprocess.Process) -> None:
    loop = asyncio.get_running_loop()
    until = loop.time() + _START_S
    async with aiohttp.ClientSession() as session:
        while loop.time() < until:
            if process.returncode is not None:
                _, told = await process.communicate()
                raise RuntimeError(f"a server of the demo did not start: {told.decode(errors='replace').strip()}")
            try:
                async with session.get(url) as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.03)
    raise RuntimeError(f"a server of the demo did not answer at {url} within {_START_S:g} s")


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port
