"""The tables of the cache's file: how it is opened, and how an entry becomes a row and a row an entry."""

import logging
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from tailrace.cache.entry import Entry, Saved
from tailrace.cache.selector import Selector

_log = logging.getLogger("tailrace.cache")

_VERSION: Final = 1
"""Of the tables; a file of another version is put aside, for it is only a cache."""

_SCHEMA: Final = """
CREATE TABLE entry (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    cache TEXT NOT NULL, key TEXT NOT NULL, tenant TEXT NOT NULL, kind TEXT NOT NULL, model TEXT NOT NULL,
    partition TEXT NOT NULL, question TEXT NOT NULL, tags TEXT NOT NULL,
    created REAL NOT NULL, expires REAL NOT NULL, used REAL NOT NULL, size INTEGER NOT NULL,
    saved_input INTEGER NOT NULL, saved_output INTEGER NOT NULL, saved_usd REAL, saved_s REAL NOT NULL,
    usage INTEGER NOT NULL, body BLOB NOT NULL, frames BLOB NOT NULL, vector BLOB NOT NULL
);
CREATE UNIQUE INDEX entry_key ON entry (cache, key);
CREATE INDEX entry_partition ON entry (cache, partition) WHERE partition != '';
CREATE INDEX entry_expires ON entry (expires);
CREATE INDEX entry_used ON entry (used, size);
"""

COLUMNS: Final = (
    "cache, key, tenant, kind, model, created, expires, body, frames, usage, question, tags, saved_input, "
    "saved_output, saved_usd, saved_s, partition, vector"
)
_WITHOUT_BLOBS: Final = COLUMNS.replace("body, frames", "x'', x''").replace("partition, vector", "partition, x''")

STEP: Final = 2000
"""Rows deleted in one transaction, so that writes do not wait for seconds."""


def open_or_anew(path: Path) -> tuple[sqlite3.Connection, sqlite3.Connection]:
    """A connection to read and one to write; a file that is damaged, or no cache of ours, is put aside first.

    Raises OSError where it cannot be opened for another reason: locked by another process, no room, no permission.
    """
    mark = _damage_mark(path)
    try:
        if mark.exists():
            mark.unlink()
            raise NotOurs("it was found damaged")
        return _connect(path)
    except sqlite3.Error as error:
        if not is_damage(error):
            raise OSError(f"cannot open {path}: {error}") from None
        _put_aside(path, type(error).__name__)
        return _connect(path)


class NotOurs(sqlite3.DatabaseError):
    """A file that does not hold what this version keeps."""


def is_damage(error: sqlite3.Error) -> bool:
    """Whether the file itself is at fault, and not who else uses it, the disk or its permissions."""
    code = getattr(error, "sqlite_errorcode", None)
    return isinstance(error, NotOurs) or code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT)


def mark_damaged(path: Path) -> None:
    """Have the file put aside at the next start: now it is in use."""
    with suppress(OSError):
        _damage_mark(path).touch(mode=0o600)


def _damage_mark(path: Path) -> Path:
    return path.with_name(path.name + ".damaged")


def _put_aside(path: Path, why: str) -> None:
    aside = path.with_name(f"{path.name}.damaged-{int(time.time())}")
    _log.warning("the cache %s cannot be read (%s); it was put aside", path.name, why)
    for suffix in ("", "-wal", "-shm"):
        part = path.with_name(path.name + suffix)
        if part.exists():
            part.rename(aside.with_name(aside.name + suffix))


def _connect(path: Path) -> tuple[sqlite3.Connection, sqlite3.Connection]:
    path.touch(mode=0o600)
    writer = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=5.0)
    try:
        writer.execute("PRAGMA auto_vacuum = INCREMENTAL")
        writer.execute("PRAGMA journal_mode = WAL")
        # A commit survives the death of the process without it; only a power cut may cost the last ones.
        writer.execute("PRAGMA synchronous = NORMAL")
        writer.execute("PRAGMA cache_size = -16384")
        writer.execute("PRAGMA journal_size_limit = 67108864")
        (version,) = writer.execute("PRAGMA user_version").fetchone()
        if version not in (0, _VERSION):
            raise NotOurs(f"version {version}")
        if version == 0:
            with transaction(writer):
                for statement in filter(str.strip, _SCHEMA.split(";")):
                    writer.execute(statement)
                writer.execute(f"PRAGMA user_version = {_VERSION}")
        reader = reading(path)
        try:
            reader.execute(f"SELECT id, {COLUMNS}, used, size FROM entry WHERE cache = '' AND key = ''")
        except sqlite3.OperationalError as error:
            reader.close()
            raise NotOurs(str(error)) if "no such" in str(error) else error from None
    except BaseException:
        writer.close()
        raise
    return reader, writer


def reading(path: Path) -> sqlite3.Connection:
    """A connection that only reads."""
    connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=0.05)
    connection.execute("PRAGMA query_only = ON")
    connection.execute("PRAGMA cache_size = -8192")
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All that is done in the block, or nothing."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def write(connection: sqlite3.Connection, entry: Entry, now: float) -> int:
    """Insert or replace; the row id. A replaced entry has a new id: nothing may mistake it for the old one."""
    connection.execute("DELETE FROM entry WHERE cache = ? AND key = ?", (entry.cache, entry.key))
    saved = entry.saved
    cursor = connection.execute(
        f"INSERT INTO entry ({COLUMNS}, used, size) VALUES ({','.join('?' * 20)})",
        (
            entry.cache,
            entry.key,
            entry.tenant,
            entry.kind,
            entry.model,
            entry.created,
            entry.expires,
            entry.body,
            entry.frames,
            int(entry.usage),
            entry.question,
            "\n".join(entry.tags),
            saved.input_tokens,
            saved.output_tokens,
            saved.usd,
            saved.seconds,
            entry.partition,
            entry.vector,
            now,
            entry.size_bytes,
        ),
    )
    return cursor.lastrowid or 0


def entry_of(row: tuple[Any, ...]) -> Entry:
    """The entry of a row with `COLUMNS`."""
    cache, key, tenant, kind, model, created, expires, body, frames, usage, question, *rest = row
    tags, *saved, partition, vector = rest
    split = tuple(tags.split("\n")) if tags else ()
    return Entry(
        cache,
        key,
        tenant,
        kind,
        model,
        created,
        expires,
        body,
        frames,
        bool(usage),
        question,
        split,
        Saved(*saved),
        partition,
        vector,
    )


def purge(connection: sqlite3.Connection, selector: Selector, now: float) -> list[Entry]:
    """Delete what the selector fits; the deleted entries, without their bodies."""
    going: list[tuple[int, Entry]] = []
    for row in connection.execute(f"SELECT id, {_WITHOUT_BLOBS} FROM entry"):
        entry = entry_of(row[1:])
        if selector.fits(entry, now):
            going.append((row[0], entry))
    for start in range(0, len(going), STEP):
        with transaction(connection):
            connection.executemany("DELETE FROM entry WHERE id = ?", [(i,) for i, _ in going[start : start + STEP]])
    return [entry for _, entry in going]
