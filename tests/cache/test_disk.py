import sqlite3
import sys
import threading
import time
from contextlib import closing

import pytest
from cache_kit import NOW, Wall, entry, sized

from tailrace.cache.disk import Disk, Totals
from tailrace.cache.entry import Saved
from tailrace.cache.selector import Selector
from tailrace.errors import TailraceError

ALL = Selector(everything=True)


@pytest.fixture
def wall():
    return Wall()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "cache" / "cache.sqlite"


@pytest.fixture
def opened(path, wall):
    """Open the file; all are closed at the end."""
    disks = []

    def again(max_bytes=1 << 30):
        disks.append(Disk(path, max_bytes, wall))
        return disks[-1]

    yield again
    for disk in disks:
        disk.close()


def settled(disk, cache="exact_cache"):
    """The totals, once all that was put before is written."""
    wait_for(lambda: not disk._pending)
    return disk.totals(cache)


def swept(disk, wall):
    """The totals after the next sweep, half a minute later."""
    wall.advance(31)
    disk.totals("exact_cache")
    wait_for(lambda: disk._swept >= wall())
    return disk.totals("exact_cache")


def rows(path):
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT key FROM entry ORDER BY key").fetchall()


FULL = entry(
    "k", b"body", frames=b"frames", usage=False, question="why\nso?", tags=("red", "blue"),
    saved=Saved(1, 2, 0.5, 1.5), partition="p", vector=b"\x00\x01",
)  # fmt: skip


@pytest.mark.parametrize("one", [FULL, entry("k"), entry("k", saved=Saved(usd=None)), entry("k", b"", model="")])
def test_round_trip(opened, one):
    disk = opened()
    disk.put(one)
    assert disk.get("exact_cache", "k") == one, "before it is written"
    settled(disk)
    assert disk.get("exact_cache", "k") == one, "after"
    disk.close()
    assert opened().get("exact_cache", "k") == one, "from another process"


def test_caches_do_not_see_each_other(opened):
    disk = opened()
    disk.put(entry("k"))
    disk.put(entry("k", b"other", cache="semantic_cache"))
    assert settled(disk) == Totals(1, entry("k").size_bytes)
    assert disk.get("semantic_cache", "k").body == b"other" and disk.get("third", "k") is None
    assert len(disk.purge(Selector(cache="exact_cache", everything=True))) == 1
    assert disk.get("semantic_cache", "k") and disk.get("exact_cache", "k") is None


def test_another_takes_the_place_of_one(opened):
    disk = opened()
    ids = [disk.put_now(entry("k", b"one")), disk.put_now(entry("k", b"two"))]
    assert ids[0] != ids[1] and disk.by_id(ids[0]) is None and disk.by_id(ids[1]).body == b"two"
    for body in (b"three", b"four"):
        disk.put(entry("k", body))
    assert disk.get("exact_cache", "k").body == b"four"
    assert settled(disk).entries == 1 and disk.get("exact_cache", "k").body == b"four"


@pytest.mark.parametrize(
    ("selector", "gone"),
    [
        (Selector(key="a"), "a"),
        (Selector(tag="red"), "ab"),
        (Selector(model="gpt-4o"), "b"),
        (Selector(tenant="bob"), "c"),
        (Selector(question="*refund*"), "c"),
        (Selector(older_than_s=50), "abd"),
        (Selector(cache="semantic_cache", everything=True), "d"),
        (ALL, "abcd"),
        (Selector(), ""),
        (Selector(cache="exact_cache"), ""),
        (Selector(tag="red", model="gpt-4o"), "b"),
    ],
)
def test_purge(opened, wall, selector, gone):
    disk = opened()
    disk.put(entry("a", tags=("red",), vector=b"v"))
    disk.put(entry("b", tags=("blue", "red"), model="gpt-4o"))
    disk.put(entry("c", tenant="bob", question="a refund\nplease", created=NOW + 99))
    disk.put(entry("d", cache="semantic_cache"))
    wall.advance(100)
    found = disk.purge(selector)
    assert "".join(sorted(one.key for one in found)) == gone
    assert all(one.body == one.frames == one.vector == b"" for one in found)
    caches = {"d": "semantic_cache"}
    assert "".join(key for key in "abcd" if disk.get(caches.get(key, "exact_cache"), key) is None) == gone


def test_a_purge_of_more_than_one_step(opened):
    disk = opened()
    for number in range(4100):
        disk.put(entry(str(number), b"x"))
    assert len(disk.purge(ALL)) == 4100 and settled(disk) == Totals(0, 0)


def test_a_purge_hits_what_was_put_before_it_however_busy_the_disk(opened, path):
    disk = opened()
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        disk.put(entry("a"))
        wait_for(lambda: _is_writing(disk))
        disk.put(entry("b"))
        purging = threading.Thread(target=disk.purge, args=(ALL,))
        purging.start()
        wait_for(lambda: not disk._work.empty())
        other.execute("ROLLBACK")
        purging.join(20)
    assert disk.get("exact_cache", "b") is None


def _is_writing(disk):
    """Whether the writer's thread is inside a flush."""
    frame = sys._current_frames().get(disk._thread.ident)
    names = []
    while frame is not None:
        names.append(frame.f_code.co_name)
        frame = frame.f_back
    return {"_flush", "_guarded"} <= set(names)


def wait_for(condition, timeout_s=10.0):
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_what_is_too_old_is_swept(opened, wall, path):
    disk = opened()
    disk.put(entry("a", expires=NOW + 10))
    disk.put(entry("b", expires=NOW + 100))
    settled(disk)
    wall.advance(11)
    assert disk.get("exact_cache", "a"), "the shelf judges freshness"
    assert swept(disk, wall).entries == 1 and rows(path) == [("b",)]


def test_bytes_are_bounded_and_the_least_recently_used_go(opened, wall, path):
    disk = opened(max_bytes=500_000)
    for number in range(100):
        disk.put(sized(f"{number:03}", 10_000))
        if number % 10 == 9:
            settled(disk)
            wall.advance(1)
            disk.get("exact_cache", "000")
    totals = swept(disk, wall)
    # Rows take whole pages: it is the file that is bounded.
    assert 300_000 <= totals.bytes <= 500_000
    assert disk.evictions == 100 - totals.entries
    assert rows(path)[0] == ("000",) and rows(path)[1] == (f"{100 - totals.entries + 1:03}",)


def test_room_is_given_back(opened, wall, path):
    disk = opened()
    for number in range(300):
        disk.put(sized(str(number), 10_000))
    settled(disk)
    disk.purge(ALL)
    swept(disk, wall)
    disk.close()
    with closing(sqlite3.connect(path)) as connection:
        (free,) = connection.execute("PRAGMA freelist_count").fetchone()
        (total,) = connection.execute("PRAGMA page_count").fetchone()
    assert free < 10 and total < 100


def test_partitions_and_vectors(opened):
    disk = opened()
    ids = [disk.put_now(entry(str(n), partition="p" if n % 2 else "q", vector=bytes([n % 256]))) for n in range(1200)]
    assert sorted(disk.partition("exact_cache", "p")) == [(row_id, NOW + 3600) for row_id in ids[1::2]]
    assert disk.partition("exact_cache", "") == [] == disk.partition("other", "p")
    assert dict(disk.vectors([*ids, 10**9])) == {row_id: bytes([n % 256]) for n, row_id in enumerate(ids)}
    assert disk.by_id(10**9) is None


def test_too_much_at_once_is_dropped_not_kept_waiting(opened, path):
    disk = opened()
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        for number in range(80):
            disk.put(sized(str(number), 1_000_000))
        assert 10 <= disk.dropped <= 15
        other.execute("ROLLBACK")
    assert settled(disk).entries == 80 - disk.dropped
    disk.put(entry("new"))
    assert settled(disk).entries == 81 - disk.dropped


def test_closing_writes_what_waits_and_may_be_repeated(opened, path):
    disk = opened()
    for number in range(50):
        disk.put(entry(str(number)))
    disk.close()
    disk.close()
    assert len(rows(path)) == 50
    assert disk.totals("exact_cache") == Totals(0, 0) and disk.purge(ALL) == []


def test_a_kill_in_the_middle_of_a_commit_is_undone(opened, path):
    opened()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_only_this_user_reads_it(opened, path):
    opened()
    assert path.stat().st_mode & 0o777 == 0o600 and path.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("count", [2**63, 10**30])
def test_a_number_that_sqlite_cannot_hold_costs_that_batch_alone(opened, count):
    disk = opened()
    disk.put(entry("a", saved=Saved(input_tokens=count)))
    wait_for(lambda: not disk._thread.is_alive() or disk.failed, 5)
    assert disk._thread.is_alive()
    disk.put(entry("b"))
    assert settled(disk).entries == 1


def test_a_key_put_again_while_it_is_written_wakes_the_writer(opened):
    disk = opened()
    for number in range(200):
        disk.put(sized("same", 1000 + number))
        disk.put(sized(str(number), 1000))
    # Nothing waits for the next sweep, half a minute away.
    wait_for(lambda: not disk._pending)


def test_a_purge_that_cannot_be_made_says_so(opened, path):
    disk = opened()
    disk.put(sized("a", 1000))
    settled(disk)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(TailraceError, match="could not be changed"):
            disk.purge(ALL)
    assert disk.purge(ALL)


def test_a_purge_by_another_process_is_noticed(opened):
    one, other = opened(), opened()
    assert not one.purged_elsewhere()
    other.purge(ALL)
    assert one.purged_elsewhere() and not one.purged_elsewhere()
