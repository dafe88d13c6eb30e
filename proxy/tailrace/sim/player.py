"""Sends a script: the only place that writes to sockets, rightly or wrongly."""

from __future__ import annotations

import asyncio
import socket
import struct
from http import HTTPStatus

from aiohttp import web
from multidict import CIMultiDict

from .script import End, Framing, Script

_TURN_EVERY = 64


async def play(request: web.Request, script: Script) -> web.StreamResponse:
    """Send the script and return the response to hand to aiohttp.

    A script in one piece is returned unsent, for aiohttp to send in one write. After a script that ends the
    connection, the response returned fails to be written, which aiohttp takes for a client that left.
    """
    headers = CIMultiDict(script.headers)
    if script.head and script.framing is Framing.UNTIL_CLOSE:
        await _until_close(request, script)
        return web.Response()
    if not script.head:
        await _end(request, script.end)
        return web.Response()
    if script.framing is Framing.LENGTH and script.length is None and not script.eager and script.end is End.CLEAN:
        body = b""
        for step in script.steps:
            if step.wait_ms > 0:
                await asyncio.sleep(step.wait_ms / 1000)
            body += step.data
        return web.Response(body=body, status=script.status, headers=headers)
    response = web.StreamResponse(status=script.status, headers=headers)
    if script.framing is Framing.LENGTH:
        steps = tuple(script.steps)
        response.content_length = sum(len(step.data) for step in steps) if script.length is None else script.length
        await _write(request, response, Script(steps=steps, eager=script.eager))
    else:
        await _write(request, response, script)
    if script.end in (End.CLEAN, End.CLEAN_THEN_CLOSE):
        await response.write_eof()
    await _end(request, script.end)
    return response


async def _write(request: web.Request, response: web.StreamResponse, script: Script) -> None:
    """Write the steps, each at its time: a wait is counted from when the step before it was due, so none adds up."""
    loop = asyncio.get_running_loop()
    due = 0.0
    written = 0
    for step in script.steps:
        if step.wait_ms > 0:
            now = loop.time()
            due = max(due, now - 1.0) + step.wait_ms / 1000 if due else now + step.wait_ms / 1000
            if due > now:
                await asyncio.sleep(due - now)
        if not response.prepared:
            await response.prepare(request)
        if step.data:
            await response.write(step.data)
            written += 1
            if script.eager or written % _TURN_EVERY == 0:
                await asyncio.sleep(0)
    if not response.prepared:
        await response.prepare(request)


async def _until_close(request: web.Request, script: Script) -> None:
    """Write an answer whose body ends where the connection does, which aiohttp has no way to ask for."""
    transport = request.transport
    if transport is None:
        return
    lines = [f"HTTP/1.1 {script.status} {HTTPStatus(script.status).phrase}"]
    lines += [f"{name}: {value}" for name, value in script.headers]
    lines += ["connection: close", "", ""]
    transport.write("\r\n".join(lines).encode())
    for step in script.steps:
        if step.wait_ms > 0:
            await asyncio.sleep(step.wait_ms / 1000)
        transport.write(step.data)
    await _end(request, End.CLOSE)


async def _end(request: web.Request, end: End) -> None:
    transport = request.transport
    if end is End.HANG:
        await asyncio.get_running_loop().create_future()
    if transport is None:
        return
    if end is End.RESET:
        await asyncio.sleep(0)
        raw = transport.get_extra_info("socket")
        # A linger of zero seconds makes the kernel send RST in place of FIN.
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
    elif end in (End.CLOSE, End.CLEAN_THEN_CLOSE):
        transport.close()
