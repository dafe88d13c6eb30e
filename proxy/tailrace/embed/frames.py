"""What the proxy and its embedding process tell each other over pipes: kind, length, payload. Pure."""

import struct
from collections.abc import Sequence
from typing import Final, Literal

Status = Literal["ok", "too-long", "unknown-words", "bad-vector"]
Kind = Literal[b"T", b"R", b"F", b"V"]

TEXTS: Final = b"T"
"""To the worker: a batch."""
READY: Final = b"R"
"""From the worker, once: the model is loaded; its dimension."""
FAILED: Final = b"F"
"""From the worker, once: it cannot be loaded; a line for people. The worker then exits."""
VECTORS: Final = b"V"
"""From the worker: the answer to a batch."""

HEAD: Final = struct.Struct("<cI")
MAX_PAYLOAD: Final = 64 * 1024 * 1024
"""Bytes. A longer frame is garbage: something printed into the pipe."""

_PAIR: Final = struct.Struct("<II")
_STATUSES: Final[tuple[Status, ...]] = ("ok", "too-long", "unknown-words", "bad-vector")


class BadFrame(ValueError):
    """Bytes that are no frame of this protocol; holds none of them."""


def frame(kind: bytes, payload: bytes) -> bytes:
    """One frame as it goes into the pipe."""
    return HEAD.pack(kind, len(payload)) + payload


def head(data: bytes) -> tuple[bytes, int]:
    """Kind and payload length of `HEAD.size` bytes. Raises `BadFrame`."""
    kind, length = HEAD.unpack(data)
    if kind not in (TEXTS, READY, FAILED, VECTORS) or length > MAX_PAYLOAD:
        raise BadFrame("no frame")
    return kind, length


def pack_texts(number: int, texts: Sequence[bytes]) -> bytes:
    """The payload of a batch; `number` comes back with the answer."""
    lengths = struct.pack(f"<{len(texts)}I", *map(len, texts))
    return b"".join((_PAIR.pack(number, len(texts)), lengths, *texts))


def unpack_texts(payload: bytes) -> tuple[int, list[bytes]]:
    """The other way. Raises `BadFrame`."""
    try:
        number, count = _PAIR.unpack_from(payload)
        lengths = struct.unpack_from(f"<{count}I", payload, _PAIR.size)
    except struct.error:
        raise BadFrame("a batch cut short") from None
    at = _PAIR.size + 4 * count
    texts = []
    for length in lengths:
        texts.append(payload[at : at + length])
        at += length
    if at != len(payload):
        raise BadFrame("a batch of another length")
    return number, texts


def pack_ready(dimension: int) -> bytes:
    """The payload of `READY`."""
    return struct.pack("<I", dimension)


def unpack_ready(payload: bytes) -> int:
    """The dimension. Raises `BadFrame`."""
    if len(payload) != 4:
        raise BadFrame("no dimension")
    dimension: int = struct.unpack("<I", payload)[0]
    if not 0 < dimension <= 65536:
        raise BadFrame("no dimension")
    return dimension


def pack_vectors(number: int, results: Sequence[bytes | Status]) -> bytes:
    """The payload of an answer: for each text its vector, or why there is none."""
    statuses = bytes(0 if isinstance(one, bytes) else _STATUSES.index(one) for one in results)
    return b"".join((_PAIR.pack(number, len(results)), statuses, *(one for one in results if isinstance(one, bytes))))


def unpack_vectors(payload: bytes, number: int, count: int, dimension: int) -> list[bytes | Status]:
    """The other way, for the batch `number` of `count` texts. Raises `BadFrame` if it answers anything else."""
    if len(payload) < _PAIR.size + count or _PAIR.unpack_from(payload) != (number, count):
        raise BadFrame("an answer to another batch")
    statuses = payload[_PAIR.size : _PAIR.size + count]
    at, size = _PAIR.size + count, 4 * dimension
    if max(statuses, default=0) >= len(_STATUSES) or len(payload) != at + size * statuses.count(0):
        raise BadFrame("an answer of another length")
    results: list[bytes | Status] = []
    for status in statuses:
        if status:
            results.append(_STATUSES[status])
        else:
            results.append(payload[at : at + size])
            at += size
    return results
