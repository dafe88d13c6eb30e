"""Files that are damaged, foreign, locked, or cannot be written."""

import asyncio
import os
import sqlite3
import threading
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from kept_kit import QUICK, same, turn, until

from tailrace_plugins.compress.kept import opening, tables
from tailrace_plugins.compress.kept.store import Store

SECRET = "sesame"


def scribble(path):
    path.write_bytes(os.urandom(100_000))


def text(path):
    path.write_text("not a database, but quite long a text " * 100)


def cut(path):
    path.write_bytes(path.read_bytes()[:9000])


def middle(path):
    data = bytearray(path.read_bytes())
    data[200:-4096] = os.urandom(len(data) - 4296)
    path.write_bytes(bytes(data))


def other_version(path):
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")


def other_tables(path):
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("ALTER TABLE decision RENAME COLUMN data TO more")


def schema(path):
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("UPDATE sqlite_schema SET sql = cast(x'435245415445ff20fe' AS TEXT) WHERE name = 'session'")


def numbers(path):
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE session SET rows = 'many'")


def marked(path):
    path.with_name(path.name + ".damaged").touch()


async def filled(folder, count=50):
    store = Store(folder, QUICK)
    for number in range(count):
        store.keep(f"s{number}", None, turn(None, 10, text=SECRET * 50))
    await store.aclose()
    assert not store.dropped
    return folder / "decisions.sqlite"


@pytest.mark.parametrize("damage", [scribble, text, cut, middle, other_version, other_tables, schema, numbers, marked])
async def test_a_file_that_cannot_be_read_is_put_aside(tmp_path, damage, caplog):
    for _ in range(2):
        path = await filled(tmp_path / "compress")
        damage(path)
        store = Store(path.parent, QUICK)
        known = turn(None, 4)

        async def works(store=store, known=known):
            # Damage may show only when something is read; then the file is put aside after a rest.
            store.keep("new", None, known)
            return same(await store.load("new"), known)

        await until(works)
        for number in range(50):
            await until(lambda store=store: time.monotonic() > store._reads_from)
            loaded = await store.load(f"s{number}")
            assert loaded is None or same(loaded, turn(None, 10, text=SECRET * 50))
        await until(works)
        await store.aclose()
        again = Store(path.parent, QUICK)
        assert same(await again.load("new"), known)
        await again.aclose()
        aside = [one.name for one in path.parent.iterdir() if ".aside" in one.name]
        assert "decisions.sqlite.aside" in aside and len(aside) <= 3, "one at most"
        assert not path.with_name(path.name + ".damaged").exists()
    assert SECRET not in caplog.text


async def test_an_empty_file_is_a_new_one(tmp_path):
    (tmp_path / "decisions.sqlite").touch()
    store = Store(tmp_path, QUICK)
    store.keep("s", None, turn(None, 4))
    assert same(await store.load("s"), turn(None, 4))
    await store.aclose()
    assert not [one for one in tmp_path.iterdir() if ".aside" in one.name]


@pytest.mark.parametrize("folder", ["/proc/tailrace", "/dev/null/compress"])
async def test_a_folder_that_cannot_be_written(folder, caplog):
    store = Store(Path(folder), replace(QUICK, retry_s=0.02))
    for number in range(20):
        began = time.monotonic()
        store.keep(f"s{number}", None, turn(None, 4, text=SECRET))
        assert await store.load(f"s{number}") is None
        assert time.monotonic() - began < 5
        await asyncio.sleep(0.005)
    await store.aclose()
    assert store.dropped == 20
    told = [one for one in caplog.records if one.name == "tailrace.compress"]
    assert len(told) == 1 and SECRET not in caplog.text, "said once"


async def test_a_folder_that_is_there_later(tmp_path):
    (tmp_path / "a").write_text("a file")
    store = Store(tmp_path / "a/compress", replace(QUICK, retry_s=0.05))
    first = turn(None, 4)
    store.keep("s", None, first)
    await until(lambda: store.dropped)
    (tmp_path / "a").unlink()
    second = turn(first, 6)

    async def comes():
        store.keep("s", first, second)
        return same(await store.load("s"), second)

    await until(comes)
    await store.aclose()


async def test_a_locked_file_makes_nobody_wait(tmp_path, caplog):
    path = await filled(tmp_path)
    store = Store(tmp_path, replace(QUICK, retry_s=0.3))
    assert await store.load("s0")
    first = turn(None, 4)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        began = time.perf_counter()
        store.keep("new", None, first)
        assert time.perf_counter() - began < 1
        assert await store.load("s1"), "who writes does not lock out who reads"
        await until(lambda: store.dropped)
        other.execute("ROLLBACK")
    second = turn(first, 6)
    await until(lambda: time.monotonic() > store._writes_from)

    async def comes():
        store.keep("new", first, second)
        return same(await store.load("new"), second)

    await until(comes)
    assert await store.load("s2")
    await store.aclose()
    assert len([one for one in caplog.records if one.levelname == "WARNING"]) == 1


async def test_a_file_that_another_uses_alone(tmp_path):
    path = await filled(tmp_path)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("PRAGMA journal_mode = DELETE")
        other.execute("BEGIN EXCLUSIVE")
        store = Store(tmp_path, replace(QUICK, load_s=0.2))
        began = time.monotonic()
        assert await store.load("s0") is None
        assert time.monotonic() - began < 5
        assert await store.load("s0") is None
        other.execute("ROLLBACK")
    await until(lambda: store.load("s0"))
    await store.aclose()
    assert not [one for one in tmp_path.iterdir() if ".aside" in one.name], "a lock is no damage"


async def test_a_file_that_is_deleted_or_put_aside_meanwhile(tmp_path):
    store, other = Store(tmp_path, QUICK), Store(tmp_path, QUICK)
    path = tmp_path / "decisions.sqlite"
    first = turn(None, 4)
    store.keep("s", None, first)
    assert await store.load("s")
    for number, suffix in enumerate(("gone", "aside")):
        for part in ("", "-wal", "-shm"):
            target = path.with_name(path.name + part)
            if suffix == "gone":
                target.unlink(missing_ok=True)
            elif target.exists():
                target.rename(tmp_path / f"x{part}")
        before, first = first, turn(first, 6 + 2 * number)
        store.keep("s", before, first)
        assert same(await store.load("s"), first), "all of it, not what is new only"
        other.keep("t", None, turn(None, 2))
        await until(lambda known=first: sees(other, known))
    await store.aclose()
    await other.aclose()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


async def sees(store, known):
    return same(await store.load("s"), known)


async def test_a_slow_disk_is_left_alone(tmp_path, monkeypatch, caplog):
    await filled(tmp_path)
    slow = threading.Event()
    read = tables.read
    store = Store(tmp_path, replace(QUICK, load_s=0.1, retry_s=0.3))
    assert await store.load("s1")
    monkeypatch.setattr(tables, "read", lambda *given: (slow.wait(10), read(*given))[1])
    assert await store.load("s1") is None
    began = time.monotonic()
    assert await store.load("s2") is None and time.monotonic() - began < 0.09, "nobody waits for it twice"
    slow.set()
    await until(lambda: store.load("s1"))
    store.keep("new", None, turn(None, 4))
    assert await store.load("new") and not store.dropped, "what is only slow to read is written"
    await store.aclose()
    assert len([one for one in caplog.records if one.levelname == "WARNING"]) == 1


def test_what_was_put_aside_long_ago_goes(tmp_path):
    path = tmp_path / "decisions.sqlite"
    kept = [path, tmp_path / "decisions.sqlite-wal", tmp_path / "other.aside"]
    for one in (*kept, tmp_path / "decisions.sqlite.aside", tmp_path / "decisions.sqlite.aside-wal"):
        one.touch()
    opening.clean(path, time.time() + 80_000)
    assert len(list(tmp_path.iterdir())) == 5
    opening.clean(path, time.time() + 90_000)
    assert sorted(tmp_path.iterdir()) == sorted(kept)
    opening.clean(path, time.time() + 90_000)


async def test_a_reader_waits_for_who_reads_the_log(tmp_path):
    path = await filled(tmp_path)
    store = Store(tmp_path, QUICK)
    assert await store.load("s0")
    busy = sqlite3.OperationalError("database is locked")
    busy.sqlite_errorcode = 261
    failing, read = [busy] * 3, tables.read

    def locked(*given):
        if failing:
            raise failing.pop()
        return read(*given)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tables, "read", locked)
        assert await store.load("s0") and not failing
    await store.aclose()
    assert path.exists()


@pytest.mark.parametrize("error", [sqlite3.DatabaseError, sqlite3.OperationalError, OSError, TypeError, ValueError])
async def test_no_request_fails_with_the_disk(tmp_path, monkeypatch, caplog, error):
    def fails(*_):
        raise error(SECRET)

    await filled(tmp_path)
    store = Store(tmp_path, replace(QUICK, retry_s=0.05))
    with monkeypatch.context() as patch:
        patch.setattr(tables, "read", fails)
        for _ in range(3):
            assert await store.load("s0") is None
            await asyncio.sleep(0.06)
    assert await until(lambda: store.load("s0"))
    await store.aclose()
    assert len([one for one in caplog.records if one.levelname == "WARNING"]) == 1 and SECRET not in caplog.text


@pytest.mark.parametrize("error", [sqlite3.OperationalError, MemoryError])
async def test_a_batch_is_written_as_a_whole_or_not_at_all(tmp_path, monkeypatch, error):
    def fails(*_):
        raise error("disk full")

    store = Store(tmp_path, replace(QUICK, retry_s=0.05))
    assert await store.load("s") is None
    first = turn(None, 4)
    with monkeypatch.context() as patch:
        patch.setattr(tables, "touch", fails)
        store.keep("s", None, first)
        await until(lambda: store.dropped)
    with closing(sqlite3.connect(tmp_path / "decisions.sqlite")) as connection:
        for table in ("session", "decision"):
            assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)
    await until(lambda: time.monotonic() > store._writes_from)
    second = turn(first, 6)

    async def comes():
        store.keep("s", first, second)
        return same(await store.load("s"), second)

    await until(comes)
    await store.aclose()


async def test_what_could_not_be_written_is_written_with_what_comes_next(tmp_path, monkeypatch):
    def fails(*_):
        raise sqlite3.OperationalError("disk full")

    store = Store(tmp_path, replace(QUICK, retry_s=0.05))
    first = turn(None, 4)
    store.keep("s", None, first)
    assert same(await store.load("s"), first)
    second = turn(first, 6)
    with monkeypatch.context() as patch:
        patch.setattr(tables, "touch", fails)
        store.keep("s", first, second)
        await until(lambda: store.dropped)
    # What is stored is known again, and it is less than what this process knows.
    await until(lambda: time.monotonic() > store._writes_from)
    assert same(await until(lambda: store.load("s")), first)
    third = turn(second, 8)
    store.keep("s", second, third)
    assert same(await store.load("s"), third)
    await store.aclose()
