"""The one JSON of the wire: strict where stdlib's is lax, and silent about what it was given."""

import json
from collections.abc import Callable
from typing import Any, Final

import orjson

MAX_DEPTH: Final = 128
"""Deepest nesting accepted; `[]` has depth 1. orjson reads 1024 levels but writes only about 250."""

_COUNTING_PAYS_BELOW: Final = 4096
"""Bytes. Measured: counting brackets costs 0.5 ns a byte, the walk 15-30 ns a value, so long texts are walked."""


class BadJson(ValueError):
    """A body that is not acceptable JSON. `reason` is safe to show: it never contains any of the input."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def loads(data: bytes | bytearray | memoryview | str) -> Any:
    """Parse one JSON text (RFC 8259).

    Refused with `BadJson`: malformed text, a byte order mark, NaN and Infinity, numbers beyond a double, lone
    surrogates, invalid UTF-8, more than MAX_DEPTH levels. Of duplicate keys the last wins. Integers outside
    -2^63 .. 2^64-1 come back as floats (orjson).
    """
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        reason = f"{error.msg} at line {error.lineno} column {error.colno}"
    else:
        if len(data) <= 2 * MAX_DEPTH or not _too_deep(data, value):
            return value
        reason = f"nested deeper than {MAX_DEPTH} levels"
    # Raised out here, because JSONDecodeError.doc holds the whole input and would stay in __context__.
    raise BadJson(reason)


def loads_object(data: bytes | bytearray | memoryview | str) -> dict[str, Any]:
    """As `loads`, and `BadJson` too when the top level is anything but an object."""
    value = loads(data)
    if type(value) is not dict:
        raise BadJson("the top level must be an object")
    return value


def dumps(value: Any) -> bytes:
    """Compact UTF-8 JSON, keys in their given order. Raises TypeError for what JSON cannot hold."""
    return orjson.dumps(value)


def has_duplicate_keys(data: bytes, parsed: Any = None) -> bool:
    """True when the top-level object spells a key twice, in whatever escapes (`model` and `mod\\u0065l` are one).

    `data` is one `loads` accepted, otherwise `BadJson`; `parsed`, if given, is what it returned. Nested objects are
    not looked at, other top levels are False. A parser that takes the first of two spellings sees another request
    than one that takes the last: where a decision (price, policy, tenant) hangs on a key, refuse such a body.
    """
    value = loads(data) if parsed is None else parsed
    if type(value) is not dict:
        return False
    # Compact JSON, as most SDKs send it, is byte for byte what its own value is written as: then nothing was lost.
    # Measured for 137 KB, `parsed` given: 0.06 ms; any other spelling goes through the stdlib's decoder, 0.45 ms.
    if len(data) == len(compact := orjson.dumps(value)) and data == compact:
        return False
    pairs_at_top = 0

    def top_level_is_last(pairs: list[tuple[str, Any]]) -> None:
        nonlocal pairs_at_top
        pairs_at_top = len(pairs)

    _pairs_decoder(top_level_is_last).decode(data.decode())
    return pairs_at_top != len(value)


def _pairs_decoder(hook: Callable[[list[tuple[str, Any]]], None]) -> json.JSONDecoder:
    """The stdlib's decoder, for its pair hook only; numbers are not worth reading."""
    return json.JSONDecoder(object_pairs_hook=hook, parse_int=len, parse_float=len)


def _too_deep(data: bytes | bytearray | memoryview | str, value: Any) -> bool:
    if len(data) < _COUNTING_PAYS_BELOW:
        if isinstance(data, str):
            brackets = data.count("[") + data.count("{")
        else:
            plain = bytes(data) if isinstance(data, memoryview) else data
            brackets = plain.count(b"[") + plain.count(b"{")
        if brackets <= MAX_DEPTH:
            return False
    # Level by level over the parsed value, not over the text: strings are most of a body and cost nothing here.
    # Measured for 1.2 MB of agent messages: parse 2.0 ms, this 0.1 ms, blanking strings by bytes.translate 4 ms.
    level: list[Any] = [value] if type(value) is dict or type(value) is list else []
    for _ in range(MAX_DEPTH):
        level = [
            member
            for container in level
            for member in (container.values() if type(container) is dict else container)
            if type(member) is dict or type(member) is list
        ]
        if not level:
            return False
    return True
