"""What was decided for a message as bytes that can be stored, and back. Pure.

The form follows from the types of the fields, so that one that is added is stored, too; and what was stored with other
fields is not read at all, since half of what was sent is worse than nothing.
"""

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from hashlib import blake2b
from types import NoneType, UnionType
from typing import Any, Final, Literal, Union, get_args, get_origin, get_type_hints

from tailrace.wire import jsonio
from tailrace_plugins.compress.chain import Decision
from tailrace_plugins.compress.memory import Note

_FORM: Final = 1
"""Of what is here; the fields are told by their names and types."""
_SUM_BYTES: Final = 4


class Unreadable(ValueError):
    """What cannot be stored so that it comes back the same, or is not what this version has stored.

    Its text never holds anything of a conversation.
    """


def dumped(decision: Decision, note: Note | None) -> bytes:
    """A decision and a note as JSON behind its CRC-32; `loaded` gives back equal ones, with mappings' keys in order.

    Raises Unreadable where that is not so: integers beyond 64 bits, NaN, lone surrogates, what JSON does not know
    (tuples within a message, say), more levels than are read.
    """
    try:
        body = jsonio.dumps([VERSION, _DECISION.to_json(decision), _NOTE.to_json(note)])
    except (TypeError, ValueError):
        body = b""
    data = _sum(body) + body
    # Whatever JSON would change without a word is found here, for the price of reading it once.
    if loaded(data) != (decision, note):
        raise Unreadable("it does not come back as it was")
    return data


def loaded(data: bytes) -> tuple[Decision, Note | None]:
    """What `dumped` was given. Raises Unreadable for anything else, damaged or of another version."""
    body = data[_SUM_BYTES:]
    try:
        # SQLite does not notice when a letter is another one, and the model would be sent it.
        if data[:_SUM_BYTES] == _sum(body):
            version, decision, note = _of(list, jsonio.loads(body))
            if version == VERSION:
                return _DECISION.of_json(decision), _NOTE.of_json(note)
    except (jsonio.BadJson, ValueError, TypeError):
        # Raised below: what is raised here holds the data in its context.
        pass
    raise Unreadable("it is damaged, or of another version")


def _sum(body: bytes) -> bytes:
    return zlib.crc32(body).to_bytes(_SUM_BYTES, "big")


@dataclass(frozen=True, slots=True)
class _Coder:
    """`of_json` raises TypeError or ValueError for what `to_json` never makes. `form` tells two types apart."""

    form: str
    to_json: Callable[[Any], Any]
    of_json: Callable[[Any], Any]


def _coder(hint: Any) -> _Coder:
    """For a type of the fields that there are; TypeError for one that nobody has thought of."""
    origin, args = get_origin(hint), get_args(hint)
    if hint in (str, int, bool):
        return _Coder(hint.__name__, _same, lambda value: _of(hint, value))
    if is_dataclass(hint):
        return _of_fields(hint)
    if origin is Literal:
        return _Coder(repr(args), _same, lambda value: _one_of(args, value))
    if origin in (UnionType, Union) and len(args) == 2 and args[1] is NoneType:
        return _optional(_coder(args[0]))
    if origin is tuple and args[1:] == (...,):
        return _each(_coder(args[0]))
    if origin is tuple:
        coders = tuple(map(_coder, args))
        return _row(f"({', '.join(coder.form for coder in coders)})", coders, tuple, _made)
    if origin is Mapping and args == (str, Any):
        return _Coder("{}", dict, lambda value: _of(dict, value))
    if origin is Mapping and args[0] is int:
        pairs = _each(_row(f"int: {args[1]}", (_coder(int), _coder(args[1])), tuple, _made))
        return _Coder(f"{{{pairs.form}}}", lambda value: pairs.to_json(value.items()), lambda v: dict(pairs.of_json(v)))
    raise TypeError(f"no way to store a {hint}")


def _of_fields(kind: Any) -> _Coder:
    hints = get_type_hints(kind)
    names = tuple(field.name for field in fields(kind))
    coders = tuple(_coder(hints[name]) for name in names)
    form = ", ".join(f"{name}: {coder.form}" for name, coder in zip(names, coders, strict=True))
    return _row(
        f"{kind.__name__}({form})",
        coders,
        lambda value: [getattr(value, name) for name in names],
        lambda values: kind(*values),
    )


def _row(
    form: str, coders: tuple[_Coder, ...], split: Callable[[Any], Any], make: Callable[[list[Any]], Any]
) -> _Coder:
    return _Coder(
        form,
        lambda value: [coder.to_json(one) for coder, one in zip(coders, split(value), strict=True)],
        lambda value: make([coder.of_json(one) for coder, one in zip(coders, _of(list, value), strict=True)]),
    )


def _each(inner: _Coder) -> _Coder:
    return _Coder(
        f"{inner.form}...",
        lambda values: [inner.to_json(value) for value in values],
        lambda values: tuple(inner.of_json(value) for value in _of(list, values)),
    )


def _optional(inner: _Coder) -> _Coder:
    return _Coder(
        f"{inner.form}?",
        lambda value: None if value is None else inner.to_json(value),
        lambda value: None if value is None else inner.of_json(value),
    )


def _same(value: Any) -> Any:
    return value


def _made(values: list[Any]) -> tuple[Any, ...]:
    return tuple(values)


def _one_of(words: tuple[Any, ...], value: Any) -> Any:
    if value not in words:
        raise ValueError
    return value


def _of(kind: type[Any], value: Any) -> Any:
    if type(value) is not kind:
        raise TypeError
    return value


_DECISION: Final = _coder(Decision)
_NOTE: Final = _coder(Note | None)
VERSION: Final = blake2b(f"{_FORM} {_DECISION.form} {_NOTE.form}".encode(), digest_size=6).hexdigest()
"""Of what is stored: another one where a field has another name or type, is added or gone."""
