"""Stands in for the embedding process: stdlib only, and as bad as its argument or the text it is asked for."""

import hashlib
import os
import struct
import sys
import time
from pathlib import Path

DIMENSION = 8
out, source = os.fdopen(os.dup(1), "wb"), sys.stdin.buffer


def send(kind: bytes, payload: bytes) -> None:
    out.write(struct.pack("<cI", kind, len(payload)) + payload)
    out.flush()


def vector(text: bytes) -> bytes:
    if text == b"nan":
        return struct.pack("<8f", *[float("nan")] * 8)
    if text == b"zero":
        return bytes(32)
    values = [1.0 + byte for byte in hashlib.sha256(text).digest()[:8]]
    length = sum(one * one for one in values) ** 0.5
    return struct.pack("<8f", *[one / length for one in values])


mode, log = sys.argv[1], Path(sys.argv[2])
with log.open("a") as book:
    book.write(f"start {os.getpid()}\n")
if mode == "refuses":
    send(b"F", b"OSError: no such model")
    sys.exit(0)
if mode == "dies":
    os._exit(7)
if mode == "mute":
    time.sleep(600)
if mode == "prints":
    out.write(b"Loading weights: 100%\n" * 10)
    out.flush()
    time.sleep(600)
if mode == "odd-hello":
    send(b"R", b"12345")
    time.sleep(600)
send(b"R", struct.pack("<I", DIMENSION))
while len(head := source.read(5)) == 5:
    payload = source.read(struct.unpack("<cI", head)[1])
    number, count = struct.unpack_from("<II", payload)
    lengths = struct.unpack_from(f"<{count}I", payload, 8)
    texts, at = [], 8 + 4 * count
    for length in lengths:
        texts.append(payload[at : at + length])
        at += length
    with log.open("a") as book:
        book.write(f"batch {count}\n")
    if b"crash" in texts:
        os._exit(3)
    if b"hang" in texts:
        time.sleep(600)
    if b"garbage" in texts:
        out.write(b"warning: something\n" * 20)
        out.flush()
        time.sleep(600)
    if b"stale" in texts:
        number += 1
    while b"gated" in texts and not log.with_name("log.gate").exists():
        time.sleep(0.005)
    statuses = bytes({b"long": 1, b"alien": 2}.get(text, 0) for text in texts)
    good = [vector(text) for text, status in zip(texts, statuses, strict=True) if not status]
    send(b"V", struct.pack("<II", number, count) + statuses + b"".join(good))
