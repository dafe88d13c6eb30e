"""Embedding requests, input by input: which are known, what is left to ask, and the answer made of both. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from tailrace.wire import jsonio
from tailrace.wire.canonical import fingerprint


def inputs_of(payload: Mapping[str, Any]) -> list[Any] | None:
    """Each thing to be embedded: a text or a list of token numbers. None for a form that is not understood."""
    given = payload.get("input")
    if isinstance(given, str):
        return [given]
    if not isinstance(given, list) or not given:
        return None
    if all(type(one) is int for one in given):
        return [given]
    if all(isinstance(one, str) for one in given) or all(isinstance(one, list) for one in given):
        return given
    return None


def input_keys(base: str, inputs: Sequence[Any]) -> list[str]:
    """The identity of each input; `base` is that of the request without its input."""
    return [fingerprint({"base": base, "input": one}) for one in inputs]


def kept_rows(answer: Any, count: int) -> list[bytes] | None:
    """What to keep for each of `count` inputs; None unless the answer has a row for each, in whatever order.

    A kept row is two lines: what stands around the vector, and the vector as it is spelled.
    """
    rows = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(rows, list) or len(rows) != count:
        return None
    found: dict[int, bytes] = {}
    for row in rows:
        if not isinstance(row, dict) or type(row.get("index")) is not int or not row.get("embedding"):
            return None
        around = {name: value for name, value in row.items() if name not in ("embedding", "index")}
        head = {"model": answer.get("model"), "row": around}
        found[row["index"]] = jsonio.dumps(head) + b"\n" + jsonio.dumps(row["embedding"])
    return [found[index] for index in range(count)] if found.keys() == set(range(count)) else None


def shares(tokens: int, inputs: Sequence[Any]) -> list[int]:
    """A batch's tokens divided among its inputs by their lengths, exactly in sum: providers count them together."""
    lengths = [max(1, len(one)) for one in inputs]
    total, given, before, length = sum(lengths), [], 0, 0
    for one in lengths:
        length += one
        upto = tokens * length // total
        given.append(upto - before)
        before = upto
    return given


def joined(rows: Sequence[bytes], usage: Mapping[str, Any], around: Mapping[str, Any] | None = None) -> bytes:
    """The answer made of kept rows in their order, as JSON. `around` is the provider's own answer to a part, if any."""
    data, model = [], None
    for index, kept in enumerate(rows):
        head_line, _, vector = kept.partition(b"\n")
        head = jsonio.loads_object(head_line)
        model = model or head["model"]
        data.append({**head["row"], "index": index, "embedding": orjson.Fragment(vector)})
    answer = {"object": "list", "data": data, "model": model, **(around or {})}
    return jsonio.dumps({**answer, "data": data, "usage": dict(usage)})
