"""Files that are damaged, foreign or gone, and processes that are killed while they write."""

import hashlib
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
from cache_kit import Wall, entry

from tailrace.cache.disk import Disk

WRITER = Path(__file__).with_name("disk_writer.py")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "cache.sqlite"


def filled(path, count=200):
    disk = Disk(path, 1 << 30, Wall())
    for number in range(count):
        disk.put(entry(str(number), os.urandom(2000)))
    disk.close()
    assert not path.with_name(path.name + "-wal").exists()


def works(path):
    """Whether what is put is found, also after closing; opens the file twice."""
    for first in (True, False):
        disk = Disk(path, 1 << 30, Wall())
        if first:
            disk.put(entry("new", b"body"))
            disk.totals("exact_cache")
        found = disk.get("exact_cache", "new")
        disk.close()
        if found is None or found.body != b"body" or disk.failed:
            return False
    return True


def put_aside(path):
    return [one.name for one in path.parent.iterdir() if ".damaged-" in one.name]


def scribble(path):
    path.write_bytes(os.urandom(100_000))


def text(path):
    path.write_text("not a database, but quite long a text " * 100)


def other_version(path):
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")


def other_tables(path):
    path.unlink()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE entry (x)")
        connection.execute("PRAGMA user_version = 1")


def broken_head(path):
    raw = bytearray(path.read_bytes())
    raw[:100] = os.urandom(100)
    path.write_bytes(raw)


def broken_schema(path):
    raw = bytearray(path.read_bytes())
    raw[100:4096] = os.urandom(3996)
    path.write_bytes(raw)


def with_foreign_wal(path):
    scribble(path)
    path.with_name(path.name + "-wal").write_bytes(os.urandom(5000))


@pytest.mark.parametrize(
    "damage", [scribble, text, other_version, other_tables, broken_head, broken_schema, with_foreign_wal]
)
def test_a_file_that_is_none_of_ours_is_put_aside(path, damage):
    filled(path)
    damage(path)
    assert works(path)
    assert any(not name.endswith("-wal") for name in put_aside(path))


def test_an_empty_file_is_filled(path):
    path.touch()
    assert works(path) and not put_aside(path)


def damaged_inside(path):
    """Pages in the middle, found only when they are read."""
    raw = bytearray(path.read_bytes())
    raw[20 * 4096 : 60 * 4096] = os.urandom(40 * 4096)
    path.write_bytes(raw)


def truncated(path):
    raw = path.read_bytes()
    path.write_bytes(raw[: len(raw) // 2])


@pytest.mark.parametrize("damage", [damaged_inside, truncated])
def test_damage_inside_makes_misses_and_never_raises(path, damage):
    filled(path)
    damage(path)
    disk = Disk(path, 1 << 30, Wall())
    for number in range(200):
        found = disk.get("exact_cache", str(number))
        assert found is None or len(found.body) == 2000
    disk.put(entry("new"))
    disk.totals("exact_cache")
    assert disk._thread.is_alive()
    disk.close()


@pytest.mark.parametrize("damage", [damaged_inside, truncated])
def test_after_damage_inside_a_restart_keeps_again(path, damage):
    filled(path)
    damage(path)
    works(path)
    assert works(path)


@pytest.mark.parametrize("folder", ["a file", "nothing writable"])
def test_where_nothing_can_be_written(tmp_path, folder):
    place = tmp_path / "place"
    if folder == "a file":
        place.write_text("x")
    else:
        place.mkdir(mode=0o500)
        if os.access(place, os.W_OK):
            # This user may write anywhere but in a file system that takes no files.
            place = Path("/proc/self")
    with pytest.raises(OSError):
        Disk(place / "cache.sqlite", 1 << 20)


def test_a_folder_in_its_place(path):
    path.mkdir()
    with pytest.raises(OSError):
        Disk(path, 1 << 20)


def test_a_file_that_is_in_use_is_not_put_aside(path):
    filled(path, 5)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        try:
            Disk(path, 1 << 30, Wall()).close()
        except OSError:
            pass  # Then the cache lives in memory only.
    assert not put_aside(path)


def killed_after(path, first, run_s):
    """Let a process write for a while and kill it; the numbers it had put a second before, and all."""
    process = subprocess.Popen([sys.executable, str(WRITER), str(path), str(first)], stdout=subprocess.PIPE)
    told = process.stdout.readline()
    until = time.monotonic() + run_s
    while time.monotonic() < until:
        told += process.stdout.readline()
    killed_at = time.monotonic()
    process.send_signal(signal.SIGKILL)
    told += process.stdout.read()
    process.wait()
    process.stdout.close()
    puts = [line.split() for line in told.decode().splitlines() if line.count(" ") == 1 and "." in line]
    return [int(number) for number, at in puts if float(at) < killed_at - 1], [int(number) for number, _ in puts]


def test_killed_while_writing(path):
    """Loses at most the last second and corrupts nothing. KILLS says how often; by hand it was a hundred times."""
    first, older = 0, []
    for turn in range(int(os.environ.get("KILLS", "3"))):
        settled, put = killed_after(path, first, 1.1 + turn % 10 / 10)
        assert settled, "the writer had begun"
        disk = Disk(path, 1 << 30)
        for number in (*older, *settled):
            assert disk.get("c", str(number)), f"{number} was put a second before the kill"
        disk.close()
        assert not put_aside(path)
        with closing(sqlite3.connect(path)) as connection:
            assert connection.execute("PRAGMA quick_check").fetchall() == [("ok",)]
            for (body,) in connection.execute("SELECT body FROM entry"):
                assert hashlib.sha256(body[32:]).digest() == body[:32]
            connection.execute("DELETE FROM entry WHERE id % 7 != 0")
            connection.commit()
            older = [int(key) for (key,) in connection.execute("SELECT key FROM entry")]
        first = max(put) + 10
