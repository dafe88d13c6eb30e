"""Lists of equal length inside a table, as objects: TOON makes columns of objects, not of lists.

`[[a, b], [c, d]]` becomes `[{"0": a, "1": b}, {"0": c, "1": d}]`, so that each inner list is one row of a table. It can
be undone because no value is grouped that already holds an object with the keys "0", "1", ...
"""

from collections.abc import Sequence
from typing import Any, Final

_LONGEST: Final = 16
"""Longest list that becomes columns: beyond it a row is hard to read."""


def group(value: Any) -> Any | None:
    """The value with its lists of lists as tables; None where there is none, or where it could not be undone."""
    grouped = _walk(value)
    return None if grouped is value or ungroup(value) is not value else grouped


def ungroup(value: Any) -> Any:
    """What `group` was given. The same object where nothing is grouped."""
    if type(value) is list:
        members = [ungroup(member) for member in value]
        return value if _same(members, value) else members
    if type(value) is dict:
        members = [ungroup(member) for member in value.values()]
        if value and all(key == str(index) for index, key in enumerate(value)):
            return members
        return value if _same(members, value.values()) else dict(zip(value, members, strict=True))
    return value


def _same(new: list[Any], old: Any) -> bool:
    return all(member is before for member, before in zip(new, old, strict=True))


def _walk(value: Any) -> Any:
    if not isinstance(value, (list, dict)):
        return value
    members = list(value) if isinstance(value, list) else list(value.values())
    table = columns(members) if len(members) > 1 and type(members[0]) in (list, dict) else None
    made = [_walk(member) for member in members] if table is None else table
    if _same(made, members):
        return value
    return made if isinstance(value, list) else dict(zip(value, made, strict=True))


def columns(rows: Sequence[Any]) -> list[Any] | None:
    """The rows such that all are scalars or all are objects of the same shape; None where that cannot be."""
    first = rows[0]
    kind = type(first)
    if kind is not list and kind is not dict:
        return None if any(type(row) is list or type(row) is dict for row in rows) else list(rows)
    if not first or any(type(row) is not kind or len(row) != len(first) for row in rows):
        return None
    if kind is dict:
        keys = list(first)
        if any(row.keys() != first.keys() for row in rows):
            return None
        cells = [[row[key] for row in rows] for key in keys]
    elif len(first) > _LONGEST:
        return None
    else:
        keys = [str(index) for index in range(len(first))]
        cells = [[row[index] for row in rows] for index in range(len(first))]
    made = [columns(cell) for cell in cells]
    whole = [column for column in made if column is not None]
    if len(whole) < len(made):
        return None
    if kind is dict and all(_same(column, cell) for column, cell in zip(whole, cells, strict=True)):
        return list(rows)
    return [dict(zip(keys, row, strict=True)) for row in zip(*whole, strict=True)]
