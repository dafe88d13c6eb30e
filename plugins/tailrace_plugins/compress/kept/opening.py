"""How the file with decisions is opened, whatever it is found to be."""

import logging
import sqlite3
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from tailrace.cache.sqlite import NotOurs, transaction

_log = logging.getLogger("tailrace.compress")

_VERSION: Final = 1
"""Of the tables; a file of another version is put aside."""

_SCHEMA: Final = (
    """
    CREATE TABLE IF NOT EXISTS session (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        name BLOB NOT NULL UNIQUE, state INTEGER NOT NULL, used REAL NOT NULL,
        rows INTEGER NOT NULL, bytes INTEGER NOT NULL
    )
    """,
    "CREATE INDEX IF NOT EXISTS session_used ON session (used)",
    """
    CREATE TABLE IF NOT EXISTS decision (
        session INTEGER NOT NULL, link BLOB NOT NULL, data BLOB, followed INTEGER NOT NULL,
        UNIQUE (session, link)
    )
    """,
)

_DAMAGE: Final = (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT)
_PARTS: Final = ("-wal", "-shm", "")
_ASIDE_S: Final = 86_400.0
_BUSY_S: Final = 2.0
"""How long another process's transaction is waited for."""


def is_damage(error: Exception) -> bool:
    """Whether the file itself is at fault, and not who else uses it, the disk or its permissions."""
    # The last is raised where SQLite's own words about it cannot be read.
    return isinstance(error, (NotOurs, UnicodeDecodeError)) or _code(error) in _DAMAGE


def is_busy(error: sqlite3.Error) -> bool:
    """Whether another process uses it, and it is worth while to try again."""
    return _code(error) == sqlite3.SQLITE_BUSY


def _code(error: Exception) -> int:
    """Without what SQLite tells in detail."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def clean(path: Path, now: float) -> None:
    """Delete what was put aside long ago: sessions are not to be kept for ever where nobody looks."""
    for suffix in _PARTS:
        aside = path.with_name(f"{path.name}.aside{suffix}")
        with suppress(OSError):
            if aside.stat().st_mtime < now - _ASIDE_S:
                aside.unlink()


def open_or_anew(path: Path) -> sqlite3.Connection:
    """A connection to write. A file that is damaged, or not ours, is put aside first, in place of one that was before.

    Raises OSError or sqlite3.Error where it cannot be opened: locked by another process, no room, no permission.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # Made by `mark_damaged`.
    mark = path.with_name(path.name + ".damaged")
    path.touch(mode=0o600)
    found = path.stat().st_ino
    try:
        if mark.exists():
            mark.unlink(missing_ok=True)
            raise NotOurs("it was found damaged")
        return _connect(path)
    except (sqlite3.Error, UnicodeDecodeError) as error:
        # What is asked is always the same: where it cannot be answered, the tables are not ours.
        if not is_damage(error) and _code(error) != sqlite3.SQLITE_ERROR:
            raise
        why = type(error).__name__
    # Another process may have been faster: what it made is not to be put aside.
    if path.stat().st_ino == found:
        _log.warning("compress: %s cannot be read (%s); it was put aside", path.name, why)
        for suffix in _PARTS:
            part = path.with_name(path.name + suffix)
            with suppress(FileNotFoundError):
                part.replace(path.with_name(f"{path.name}.aside{suffix}"))
        path.touch(mode=0o600)
    return _connect(path)


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=_BUSY_S)
    try:
        _prepare(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    _use_wal(connection)
    # A commit survives the death of the process without it; only a power cut may cost the last ones.
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA cache_size = -8192")
    connection.execute("PRAGMA journal_size_limit = 16777216")
    with transaction(connection):
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version not in (0, _VERSION):
            raise NotOurs(f"version {version}")
        if version == 0:
            for statement in _SCHEMA:
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {_VERSION}")
    connection.execute("SELECT id, name, state, used, rows, bytes FROM session WHERE id = 0")
    connection.execute("SELECT session, link, data, followed FROM decision WHERE session = 0")


def _use_wal(connection: sqlite3.Connection) -> None:
    """Two processes that do it at the same time may each find the other's lock, and SQLite then does not wait."""
    until = time.monotonic() + _BUSY_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if not is_busy(error) or time.monotonic() > until:
                raise
        time.sleep(0.02)
