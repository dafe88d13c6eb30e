"""The OTLP collector: answers 200 and can say how many spans and traces it has been sent.

`python -m benchkit.sink PORT [CPU]`. Bodies are kept as they come and counted only when asked (`GET /count`), so that
counting does not disturb a measurement.
"""

from __future__ import annotations

import gzip
import sys
from collections.abc import Iterator

import orjson

from benchkit.rawhttp import RawServer, plain, serve

OK = plain(b"200 OK", b"", b"application/x-protobuf")
waiting: list[tuple[bool, bytes]] = []
traces: set[bytes] = set()
counts = {"posts": 0, "metric_posts": 0, "spans": 0, "traces": 0, "bytes": 0}


def fields(data: bytes, wanted: int) -> Iterator[bytes]:
    """The length-delimited protobuf fields numbered `wanted`; others are stepped over (protobuf wire format)."""
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        kind = key & 7
        if kind == 2:
            size, at = varint(data, at)
            if key >> 3 == wanted:
                yield data[at : at + size]
            at += size
        elif kind == 0:
            _, at = varint(data, at)
        elif kind == 1:
            at += 8
        elif kind == 5:
            at += 4
        else:
            raise ValueError(f"protobuf wire type {kind}")


def varint(data: bytes, at: int) -> tuple[int, int]:
    """A varint and where it ends."""
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7


def trace_ids(request: bytes) -> Iterator[bytes]:
    """Each span's trace id in an ExportTraceServiceRequest: resource_spans 1, scope_spans 2, spans 2, trace_id 1."""
    for resource in fields(request, 1):
        for scope in fields(resource, 2):
            for span in fields(scope, 2):
                yield next(fields(span, 1), b"")


def count() -> bytes:
    """Count what has come in since the last time."""
    for zipped, body in waiting:
        for trace_id in trace_ids(gzip.decompress(body) if zipped else body):
            counts["spans"] += 1
            traces.add(trace_id)
    waiting.clear()
    counts["traces"] = len(traces)
    return orjson.dumps(counts)


class Sink(RawServer):
    """One connection from an exporter."""

    def on_request(self, head: bytes, body: bytes) -> None:
        if head.startswith(b"post /v1/traces"):
            counts["posts"] += 1
            counts["bytes"] += len(body)
            waiting.append((b"\r\ncontent-encoding: gzip" in head, body))
            self.transport.write(OK)
        elif head.startswith(b"get /count"):
            self.transport.write(plain(b"200 OK", count()))
        elif head.startswith(b"post "):
            counts["metric_posts"] += 1
            self.transport.write(OK)
        else:
            self.transport.write(plain(b"404 Not Found", b""))


if __name__ == "__main__":
    serve(Sink, int(sys.argv[1]), int(sys.argv[2]) if sys.argv[2] != "-" else None)
