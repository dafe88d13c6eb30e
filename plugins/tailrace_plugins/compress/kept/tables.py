"""The tables of the file with decisions: what is read, written and deleted in one transaction.

Rows belong to a session, and a session is there as a whole or not at all: with a gap in a conversation what follows
the gap would be decided anew, and other than it was sent. So times of use are those of sessions; and a session that is
made anew has another number, which tells a process that what it wrote before is gone (`write`).
"""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from tailrace.cache.sqlite import NotOurs, transaction
from tailrace_plugins.compress.chain import LINK_BYTES, Decision
from tailrace_plugins.compress.kept.changes import Change, Fresh
from tailrace_plugins.compress.kept.coding import Unreadable, dumped, loaded
from tailrace_plugins.compress.memory import Generation, Known, Note, cost, note_cost

_OPEN: Final = 0
_FULL: Final = 1
"""What is in it is all that will be (`Known.full`)."""
_UNKEPT: Final = 2
"""It cannot be kept as a whole, so that nothing of it is."""

_ROW_BYTES: Final = 64
"""Of a row and its index entry, but for its data."""
_AT_ONCE: Final = 500
"""Links asked for in one query: SQLite takes so many variables everywhere."""
_STEP: Final = 10
"""Sessions deleted in one transaction, so that writes do not wait for seconds."""
Row = tuple[bytes | None, bool]
"""The data, None where only something behind the link is known; and whether something is."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """Of one session. One with more is begun anew with what the process that writes knows of it."""

    rows: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Stored:
    """A session as it was read: its number; None for `known` where nothing of it can be used."""

    id: int
    known: Known | None
    broken: bool = False
    """A row of it is unreadable, or missing: it must be forgotten, before anything is added to it."""


def write(
    connection: sqlite3.Connection, name: bytes, change: Change, seen: int | None, bounds: Bounds, now: float
) -> int:
    """Write what is new in a session; its number. Within a transaction.

    `seen`: the number that it had when the writer was last sure that it held all that was known before `change`. Where
    it has another by now, it was deleted or begun anew, and all that is known is written. A decision that is there
    stays; notes are merged. A full session is replaced, and nothing is added to it from then on.
    """
    found = _session(connection, name)
    if found is not None and found[1] != _OPEN:
        connection.execute("UPDATE session SET used = ? WHERE id = ?", (now, found[0]))
        return int(found[0])
    try:
        if not change.full:
            if found is None:
                found = (_begin(connection, name, _OPEN, now), _OPEN, 0, 0)
            id_, _, rows, size = found
            there = _Session(id_, rows, size)
            fresh = change.fresh() if id_ == seen else change.whole.fresh()
            if _add(connection, there, fresh, bounds, now):
                return there.id
    except Unreadable:
        # What is there, or what is new; if it is the latter, it is found again.
        pass
    return _replace(connection, name, change, bounds, now)


@dataclass(frozen=True, slots=True)
class _Session:
    id: int
    rows: int = 0
    bytes: int = 0


def _add(connection: sqlite3.Connection, session: _Session, fresh: Fresh, bounds: Bounds, now: float) -> bool:
    """Add rows; False, with nothing written, where they are too many. Raises Unreadable, likewise."""
    links = dict.fromkeys((*fresh.decided, *fresh.noted, *fresh.followed))
    there = _rows(connection, session.id, links) if session.rows else {}
    changed = {link: row for link in links if (row := _merged(there.get(link), fresh, link)) != there.get(link)}
    rows = session.rows + sum(link not in there for link in changed)
    size = session.bytes + sum(_size(row) - _size(there.get(link)) for link, row in changed.items())
    if rows > bounds.rows or size > bounds.bytes:
        return False
    connection.executemany(
        "INSERT INTO decision (session, link, data, followed) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (session, link) DO UPDATE SET data = excluded.data, followed = excluded.followed",
        [(session.id, link, data, followed) for link, (data, followed) in changed.items()],
    )
    connection.execute("UPDATE session SET used = ?, rows = ?, bytes = ? WHERE id = ?", (now, rows, size, session.id))
    return True


def _merged(there: Row | None, fresh: Fresh, link: bytes) -> Row:
    data, followed = there or (None, False)
    followed = followed or link in fresh.followed
    decision, more = fresh.noted.get(link, (None, None))
    if data is None:
        decision = fresh.decided.get(link, decision)
        data = None if decision is None else dumped(decision, more)
    elif more is not None:
        first, note = loaded(data)
        if note is not None and note.inserted is not None and followed:
            # As in `Known.with_note`: somebody went on with that answer.
            more = replace(more, inserted=None)
        data = dumped(first, more if note is None else note.with_more(more))
    return data, followed


def _replace(connection: sqlite3.Connection, name: bytes, change: Change, bounds: Bounds, now: float) -> int:
    """The session with all that is known and nothing else; without anything, where that cannot be kept."""
    for (id_,) in connection.execute("SELECT id FROM session WHERE name = ?", (name,)).fetchall():
        _delete(connection, id_)
    id_ = _begin(connection, name, _FULL if change.full else _OPEN, now)
    try:
        is_kept = _add(connection, _Session(id_), change.whole.fresh(), bounds, now)
    except Unreadable:
        is_kept = False
    if not is_kept:
        connection.execute("UPDATE session SET state = ? WHERE id = ?", (_UNKEPT, id_))
    return id_


def _session(connection: sqlite3.Connection, name: bytes) -> tuple[int, int, int, int] | None:
    query = "SELECT id, state, rows, bytes FROM session WHERE name = ?"
    found: tuple[Any, ...] | None = connection.execute(query, (name,)).fetchone()
    if found is None:
        return None
    if not all(type(one) is int for one in found):
        # SQLite keeps any type in any column.
        raise NotOurs("no numbers")
    id_, state, rows, size = found
    return id_, state, rows, size


def _begin(connection: sqlite3.Connection, name: bytes, state: int, now: float) -> int:
    query = "INSERT INTO session (name, state, used, rows, bytes) VALUES (?, ?, ?, 0, 0)"
    return connection.execute(query, (name, state, now)).lastrowid or 0


def _rows(connection: sqlite3.Connection, session: int, links: Iterable[bytes]) -> dict[bytes, Row]:
    wanted = list(links)
    found: dict[bytes, Row] = {}
    for start in range(0, len(wanted), _AT_ONCE):
        step = wanted[start : start + _AT_ONCE]
        marks = ",".join("?" * len(step))
        query = f"SELECT link, data, followed FROM decision WHERE session = ? AND link IN ({marks})"
        for link, data, followed in connection.execute(query, (session, *step)):
            found[link] = (data, bool(followed))
    return found


def _size(row: Row | None) -> int:
    return 0 if row is None else _ROW_BYTES + len(row[0] or b"")


def read(connection: sqlite3.Connection, name: bytes, bounds: Bounds) -> Stored | None:
    """What is stored of a session; None if nothing. Raises sqlite3.Error."""
    connection.execute("BEGIN")
    try:
        found = _session(connection, name)
        if found is None:
            return None
        id_, state, rows, size = found
        if state == _UNKEPT:
            return Stored(id_, None)
        if rows > bounds.rows or size > bounds.bytes:
            return Stored(id_, None, broken=True)
        query = "SELECT link, data, followed FROM decision WHERE session = ? ORDER BY rowid"
        stored = connection.execute(query, (id_,)).fetchall()
    finally:
        connection.execute("COMMIT")
    try:
        generation = _generation(stored)
    except Unreadable:
        return Stored(id_, None, broken=True)
    if len(stored) != rows:
        return Stored(id_, None, broken=True)
    return Stored(id_, Known(generation, full=state == _FULL) if rows or state == _FULL else None)


def _generation(stored: Iterable[tuple[bytes, bytes | None, int]]) -> Generation:
    decided: dict[bytes, Decision] = {}
    noted: dict[bytes, Note] = {}
    followed = []
    size = 0
    for link, data, is_followed in stored:
        if type(link) is not bytes or len(link) != LINK_BYTES or not (data is None or type(data) is bytes):
            raise Unreadable("it is no row of ours")
        if is_followed:
            followed.append(link)
        if data is not None:
            decided[link], note = loaded(data)
            size += cost(decided[link])
            if note is not None:
                noted[link] = note
                size += note_cost(note)
    return Generation(decided, frozenset(followed), size, noted)


def forget(connection: sqlite3.Connection, name: bytes, id_: int) -> None:
    """Delete a session if it still has this number. Within a transaction."""
    if connection.execute("SELECT 1 FROM session WHERE id = ? AND name = ?", (id_, name)).fetchone():
        _delete(connection, id_)


def touch(connection: sqlite3.Connection, used: Mapping[bytes, float]) -> None:
    """Sessions were read. Within a transaction."""
    connection.executemany("UPDATE session SET used = ? WHERE name = ?", [(at, name) for name, at in used.items()])


def sweep(connection: sqlite3.Connection, idle_s: float, most_bytes: int, now: float) -> int:
    """Delete the sessions that were not used for so long, then the least recently used until the rest fits; how many.

    A clock that was put back deletes nothing: what was used in the future is taken to be used now.
    """
    connection.execute("UPDATE session SET used = ? WHERE used > ?", (now, now))
    count = 0
    query = "SELECT id, bytes FROM session WHERE used < ? ORDER BY used LIMIT ?"
    while going := connection.execute(query, (now - idle_s, _STEP)).fetchall():
        count += _delete_all(connection, (id_ for id_, _ in going))
    (logical,) = connection.execute("SELECT coalesce(sum(bytes), 0) FROM session").fetchone()
    taken = taken_bytes(connection)
    # A row takes whole pages, so the file is larger than what is in it.
    keep = logical if taken <= most_bytes else int(logical * most_bytes * 0.9 / taken)
    for step in _oldest(connection, logical - keep):
        count += _delete_all(connection, step)
    # Each step of the statement frees one page, and only a script is stepped to its end.
    connection.executescript("PRAGMA incremental_vacuum(4000)")
    return count


def _oldest(connection: sqlite3.Connection, size: int) -> Iterator[list[int]]:
    """The sessions used longest ago, until they have so many bytes; a step is to be deleted before the next."""
    while size > 0:
        step: list[int] = []
        for id_, taken in connection.execute(
            "SELECT id, bytes FROM session ORDER BY used LIMIT ?", (_STEP,)
        ).fetchall():
            if size > 0:
                step.append(id_)
                size -= taken
        if not step:
            return
        yield step


def _delete_all(connection: sqlite3.Connection, ids: Iterable[int]) -> int:
    count = 0
    with transaction(connection):
        for id_ in ids:
            _delete(connection, id_)
            count += 1
    return count


def _delete(connection: sqlite3.Connection, id_: int) -> None:
    connection.execute("DELETE FROM decision WHERE session = ?", (id_,))
    connection.execute("DELETE FROM session WHERE id = ?", (id_,))


def taken_bytes(connection: sqlite3.Connection) -> int:
    """What the rows and their indexes take in the file."""
    pages, free, size = (
        connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
    )
    return int((pages - free) * size)
