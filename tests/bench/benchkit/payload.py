"""The bytes that travel: a 2 KB request, a 1 KB answer, a stream of events.

Every request carries a serial number and every answer repeats it, so that an answer given to the wrong client, or one
remembered from an earlier request, is an error and not a good figure.
"""

from __future__ import annotations

import zlib
from functools import cache

import orjson

REQUEST_BYTES = 2048
ANSWER_BYTES = 1024
MODEL = "gpt-4o-mini"
PATH = "/v1/chat/completions"
TICKET = b"ticket-"
SERIAL_DIGITS = 12
BLANK = b"0" * SERIAL_DIGITS
MAX_SESSIONS = 10_000

# As openai-python 2.54.0 sends them (captured from a socket), in its order.
SDK_HEADERS = (
    ("Accept-Encoding", "gzip, deflate"),
    ("Connection", "keep-alive"),
    ("Authorization", "Bearer {key}"),
    ("Accept", "application/json"),
    ("Content-Type", "application/json"),
    ("User-Agent", "OpenAI/Python 2.54.0"),
    ("X-Stainless-Lang", "python"),
    ("X-Stainless-Package-Version", "2.54.0"),
    ("X-Stainless-OS", "Linux"),
    ("X-Stainless-Arch", "x64"),
    ("X-Stainless-Runtime", "CPython"),
    ("X-Stainless-Runtime-Version", "3.11.7"),
    ("X-Stainless-Async", "false"),
    ("x-stainless-retry-count", "0"),
    ("x-stainless-read-timeout", "600"),
)
ANSWER_HEADERS = (
    ("x-request-id", "req_0123456789abcdef0123456789abcdef"),
    ("openai-processing-ms", "12"),
    ("openai-version", "2020-10-01"),
)
PROSE = (
    "The race below the mill carries the water away without turbulence; whoever maintains it clears the screens in "
    "spring, checks the gates after every flood and writes the level into the book. "
)


def padded(document: dict[str, object], slot: dict[str, object], key: str, size: int) -> bytes:
    """`document` as compact JSON of exactly `size` bytes, by lengthening the ASCII string `slot[key]`."""
    missing = size - len(orjson.dumps(document))
    if missing < 0:
        raise ValueError(f"the document is {-missing} bytes larger than {size}")
    slot[key] = str(slot[key]) + (PROSE * (missing // len(PROSE) + 1))[:missing]
    return orjson.dumps(document)


def sdk_headers(key: str) -> dict[str, str]:
    """The SDK's headers for a client with this key."""
    return {name: value.format(key=key) for name, value in SDK_HEADERS}


def request_parts(
    session: int, key: str, *, events: int = 0, pace_ms: int = 0, temperature: float = 0.7
) -> tuple[bytes, bytes]:
    """A client's request, head and body, cut where the serial number goes.

    `events` > 0 asks for a stream of that many events (as max_tokens); `pace_ms` > 0 asks for a pause between them (in
    the `user` field). Both fields pass every proxy unharmed. With the default `temperature` no request is deterministic.
    """
    system: dict[str, object] = {"role": "system", "content": f"You keep the book of mill {session:04d}. "}
    question = {"role": "user", "content": f"What does {TICKET.decode()}{BLANK.decode()} say about the gates?"}
    body: dict[str, object] = {
        "messages": [
            system,
            {"role": "user", "content": "Read me the last entry."},
            {"role": "assistant", "content": "Level 2.31 m, screens clear, gate three sticks."},
            question,
        ],
        "model": MODEL,
        "temperature": temperature,
    }
    if events:
        body |= {"max_tokens": events, "stream": True}
    if pace_ms:
        body["user"] = f"pace-{pace_ms}"
    raw = padded(body, system, "content", REQUEST_BYTES)
    lines = [
        f"POST {PATH} HTTP/1.1",
        "Host: 127.0.0.1",
        *(f"{name}: {value}" for name, value in sdk_headers(key).items()),
    ]
    head = "\r\n".join([*lines, f"Content-Length: {len(raw)}", "", ""]).encode()
    before, after = split_serial(raw)
    return head + before, after


def split_serial(raw: bytes) -> tuple[bytes, bytes]:
    """What stands before and after the serial number."""
    at = raw.index(TICKET) + len(TICKET)
    return raw[:at], raw[at + SERIAL_DIGITS :]


def serial_of(body: bytes) -> bytes:
    """The serial number in a request, wherever a proxy's JSON writer has moved it; blank when there is none."""
    at = body.find(TICKET)
    if at < 0:
        return BLANK
    at += len(TICKET)
    return body[at : at + SERIAL_DIGITS]


def ticket_for(body: bytes) -> bytes:
    """What the answer to a request repeats: its serial number, or twelve digits made of the whole of it."""
    return serial_of(body) if TICKET in body else b"%012d" % zlib.crc32(body)


@cache
def answer_parts() -> tuple[bytes, bytes]:
    """The 1 KB chat.completion, cut where the serial number goes."""
    message: dict[str, object] = {"role": "assistant", "content": f"Entry {TICKET.decode()}{BLANK.decode()}: "}
    message |= {"refusal": None, "annotations": []}
    body: dict[str, object] = {
        "id": "chatcmpl-Bench0123456789abcdefghijklmn",
        "object": "chat.completion",
        "created": 1_760_000_000,
        "model": MODEL,
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}],
        "usage": {
            "prompt_tokens": 420,
            "completion_tokens": 96,
            "total_tokens": 516,
            "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        },
        "service_tier": "default",
        "system_fingerprint": "fp_bench",
    }
    return split_serial(padded(body, message, "content", ANSWER_BYTES))


@cache
def answer_head() -> bytes:
    """The head of the 1 KB answer."""
    lines = ["HTTP/1.1 200 OK", "content-type: application/json", *(f"{n}: {v}" for n, v in ANSWER_HEADERS)]
    return "\r\n".join([*lines, f"content-length: {ANSWER_BYTES}", "", ""]).encode()


@cache
def stream_head() -> bytes:
    """The head of a stream."""
    lines = ["HTTP/1.1 200 OK", "content-type: text/event-stream; charset=utf-8", "cache-control: no-cache"]
    lines += [f"{n}: {v}" for n, v in ANSWER_HEADERS]
    return "\r\n".join([*lines, "transfer-encoding: chunked", "", ""]).encode()


def event(delta: dict[str, object], finish: str | None = None) -> bytes:
    """One server-sent event with a chat.completion.chunk."""
    chunk = {
        "id": "chatcmpl-Bench0123456789abcdefghijklmn",
        "object": "chat.completion.chunk",
        "created": 1_760_000_000,
        "model": MODEL,
        "system_fingerprint": "fp_bench",
        "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}],
    }
    return b"data: " + orjson.dumps(chunk) + b"\n\n"


DONE = b"data: [DONE]\n\n"
USAGE_EVENT = (
    b'data: {"id":"chatcmpl-Bench0123456789abcdefghijklmn","object":"chat.completion.chunk","created":1760000000,'
    b'"model":"gpt-4o-mini","system_fingerprint":"fp_bench","choices":[],"usage":{"prompt_tokens":420,'
    b'"completion_tokens":96,"total_tokens":516}}\n\n'
)


@cache
def stream_events(count: int) -> tuple[bytes, ...]:
    """The `count` events of a stream, without the [DONE]; each differs, so a lost or doubled one shows.

    The first carries content beside the role, since a proxy may hold back an event that says nothing; its serial number
    is blank here.
    """
    first = event({"role": "assistant", "content": f"Entry {TICKET.decode()}{BLANK.decode()}:"})
    middle = [event({"content": f" word{number:05d}"}) for number in range(1, count - 1)]
    return (first, *middle, event({}, "stop"))


@cache
def stream_parts(count: int) -> tuple[bytes, bytes]:
    """A whole stream's body as the client must see it, cut where the serial number goes."""
    return split_serial(b"".join(stream_events(count)) + DONE)


@cache
def stream_text(count: int) -> tuple[str, str]:
    """The text a stream's deltas join to, cut where the serial number goes."""
    return f"Entry {TICKET.decode()}", ":" + "".join(f" word{number:05d}" for number in range(1, count - 1))
