"""Reading what a client sends: bounded in bytes, in silence and in slowness."""

import asyncio
import re
import zlib
from collections.abc import AsyncIterator, Mapping
from typing import Any

from aiohttp import web
from aiohttp.streams import StreamReader

from tailrace.errors import BadRequest, RequestTimeout, TooLarge
from tailrace.tasks import Watchdog
from tailrace.wire import jsonio

GRACE_S = 10.0
"""Time before the least rate counts."""
LEAST_BYTES_PER_S = 1024
_OFF_LOOP_BYTES = 1_048_576
"""Above this a body is parsed in a thread: what is pure Python of it then gives way to other streams."""

# No encoder escapes ASCII letters: a key that does hides from a look at the text.
_ESCAPED_LETTER = re.compile(rb"\\u00[4-7]")


async def read_body(request: web.BaseRequest, most_bytes: int, idle_s: float) -> bytes:
    """The whole body, decoded if it was compressed.

    Raises `TooLarge` over `most_bytes` (of the decoded body too), `RequestTimeout` after `idle_s` of silence or, after
    the first ten seconds, under 1 KB/s on average.
    """
    declared = request.content_length
    if declared is not None and declared > most_bytes:
        raise _too_large(most_bytes)
    content = request.content
    if content.is_eof():
        raw = content.read_nowait(-1)
        if len(raw) > most_bytes:
            raise _too_large(most_bytes)
    else:
        pieces: list[bytes] = []
        size = 0
        async for piece in paced(content, idle_s):
            size += len(piece)
            if size > most_bytes:
                raise _too_large(most_bytes)
            pieces.append(piece)
        raw = b"".join(pieces)
    encoding = request.headers.get("content-encoding")
    return raw if encoding is None else _decoded(raw, encoding, most_bytes)


async def paced(content: StreamReader, idle_s: float) -> AsyncIterator[bytes]:
    """The pieces of a body as they come in; raises `RequestTimeout` when they come too slowly."""
    loop = asyncio.get_running_loop()
    waited_s, size = 0.0, 0
    try:
        while True:
            began = loop.time()
            with Watchdog(idle_s):
                piece = await content.readany()
            if not piece:
                return
            size += len(piece)
            # Only the client's own time: what a provider takes to read an upload is not its slowness.
            waited_s += loop.time() - began
            late_s = waited_s - GRACE_S
            if late_s > 0 and size < late_s * LEAST_BYTES_PER_S:
                raise RequestTimeout("The body comes in too slowly: at least 1 KB/s is expected.")
            yield piece
    except TimeoutError:
        raise RequestTimeout(f"The body stopped coming in for {idle_s:g} s.") from None


async def parse_object(raw: bytes, *, refuse_twice: bool) -> dict[str, Any]:
    """The body as a JSON object; raises `BadRequest`.

    `refuse_twice`: where the model decides what happens, a body that names it twice is refused, because the provider
    might read the other one.
    """
    try:
        if len(raw) > _OFF_LOOP_BYTES:
            payload = await asyncio.to_thread(jsonio.loads_object, raw)
        else:
            payload = jsonio.loads_object(raw)
    except jsonio.BadJson as error:
        raise BadRequest(f"The body is not acceptable JSON: {error.reason}.", code="invalid_json") from None
    if (
        refuse_twice
        and (raw.count(b'"model"') > 1 or _ESCAPED_LETTER.search(raw))
        and await asyncio.to_thread(jsonio.has_duplicate_keys, raw, payload)
    ):
        raise BadRequest("The body has a key twice at its top level.", code="duplicate_key")
    return payload


def checked(payload: Mapping[str, Any], *, needs_model: bool) -> None:
    """The few fields the proxy itself relies on; everything else is the provider's to judge."""
    model = payload.get("model")
    if model is not None and not isinstance(model, str):
        raise BadRequest("model must be a string.", param="model", code="invalid_type")
    if needs_model and not model:
        raise BadRequest("you must provide a model parameter", param="model", code="missing_required_parameter")
    stream = payload.get("stream")
    if stream is not None and not isinstance(stream, bool):
        raise BadRequest("stream must be true or false.", param="stream", code="invalid_type")


def _decoded(raw: bytes, encoding: str, most_bytes: int) -> bytes:
    name = encoding.strip().lower()
    if name in ("", "identity"):
        return raw
    if name not in ("gzip", "x-gzip", "deflate"):
        raise BadRequest("The body's content-encoding is not supported; gzip and deflate are.", status=415)
    decoder = zlib.decompressobj(zlib.MAX_WBITS if name == "deflate" else 16 + zlib.MAX_WBITS)
    try:
        body = decoder.decompress(raw, most_bytes + 1)
    except zlib.error:
        raise BadRequest(f"The body is not valid {name}.", code="invalid_encoding") from None
    if len(body) > most_bytes:
        raise _too_large(most_bytes)
    if not decoder.eof:
        raise BadRequest(f"The {name} body is cut short.", code="invalid_encoding")
    return body


def _too_large(most_bytes: int) -> TooLarge:
    return TooLarge(f"The body is larger than {most_bytes} bytes.")
