"""Endpoints of bytes: uploads that are counted and not held, downloads and speech that are made up as they go."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from hashlib import sha256

from aiohttp import BodyPartReader, web

from .errors import Refusal
from .journal import Entry
from .provider import Provider
from .script import Framing, Kind, Script, Step, json_script

_PIECE_BYTES = 64 * 1024
_PATTERN = bytes(range(256)) * (_PIECE_BYTES // 256)
_MOST_BYTES = 1 << 33
_SIZED = re.compile(r"file-bytes-(\d{1,10})\Z")
_SPEECH_BYTES_PER_CHARACTER = 1200


async def upload(request: web.Request, provider: Provider, entry: Entry) -> Script:
    """Read a multipart upload to its end, counting and hashing the file; answer with OpenAI's file object.

    The object carries `sha256` besides, and so does the journal: `body_bytes` and `body_sha256` are the file's there.
    """
    if not request.content_type.startswith("multipart/"):
        raise Refusal(400, "Missing required parameter: 'file'.", param="file")
    digest, size, name, purpose, found = sha256(), 0, "file", "", False
    async for part in await request.multipart():
        if not isinstance(part, BodyPartReader):
            continue
        if part.name == "purpose":
            purpose = (await part.read()).decode(errors="replace")
        elif part.name == "file":
            found, name = True, part.filename or name
            while piece := await part.read_chunk(_PIECE_BYTES):
                digest.update(piece)
                size += len(piece)
    entry.body_bytes, entry.sha256 = size, digest.hexdigest()
    if not found:
        raise Refusal(400, "Missing required parameter: 'file'.", param="file")
    return json_script(
        {
            "id": f"file-bytes-{size}",
            "object": "file",
            "bytes": size,
            "created_at": int(time.time()),
            "filename": name,
            "purpose": purpose,
            "status": "processed",
            "sha256": entry.sha256,
        }
    )


def content(file_id: str) -> Script:
    """Return the content of a file named for its size: bytes 0 to 255 over and over."""
    found = _SIZED.fullmatch(file_id)
    if found is None or int(found[1]) > _MOST_BYTES:
        raise Refusal(404, f"No such File object: {file_id}", param="id")
    return _stream(int(found[1]), "application/octet-stream")


def speech(text: str) -> Script:
    """Return binary speech, as long as the text asks for."""
    return _stream(len(text) * _SPEECH_BYTES_PER_CHARACTER, "audio/mpeg")


def _stream(size: int, content_type: str) -> Script:
    # Chunked and not of a known length: a player of a known length would have to hold the steps to add them up.
    return Script(200, (("content-type", content_type),), _steps(size), Framing.CHUNKED, stream=True)


def _steps(size: int) -> Iterator[Step]:
    for at in range(0, size, _PIECE_BYTES):
        yield Step(_PATTERN[: min(_PIECE_BYTES, size - at)], Kind.BODY)
