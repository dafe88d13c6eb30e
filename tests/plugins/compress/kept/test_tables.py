"""How long sessions are kept, and how much."""

import os
from contextlib import closing

import pytest
from kept_kit import turn

from tailrace.cache.sqlite import reading, transaction
from tailrace_plugins.compress.kept import tables
from tailrace_plugins.compress.kept.changes import Change
from tailrace_plugins.compress.kept.opening import open_or_anew
from tailrace_plugins.compress.kept.tables import Bounds

BOUNDS = Bounds(10_000, 10_000_000)
T = 1_800_000_000.0


@pytest.fixture
def connection(tmp_path):
    with closing(open_or_anew(tmp_path / "decisions.sqlite")) as connection:
        yield connection


def write(connection, name, known, at=T, seen=None, before=None):
    with transaction(connection):
        return tables.write(connection, name.encode(), Change.between(before, known), seen, BOUNDS, at)


def names(connection):
    return [name.decode() for (name,) in connection.execute("SELECT name FROM session ORDER BY id")]


def sweep(connection, now, idle_s=100.0, most_bytes=1 << 30):
    return tables.sweep(connection, idle_s, most_bytes, now)


def test_what_nobody_uses_goes(connection):
    for at in range(30):
        write(connection, f"s{at}", turn(None, 4), T + 10 * at)
    assert sweep(connection, T + 290, 290) == 0
    assert sweep(connection, T + 301) == 21
    assert names(connection) == [f"s{at}" for at in range(21, 30)]
    assert connection.execute("SELECT count(DISTINCT session), count(*) FROM decision").fetchone() == (9, 9 * 5)
    assert sweep(connection, T + 1000) == 9
    assert connection.execute("SELECT count(*) FROM decision").fetchone() == (0,)


def test_what_is_used_stays(connection):
    known = turn(None, 4)
    ids = {name: write(connection, name, known) for name in "abc"}
    write(connection, "a", turn(known, 6), T + 90, ids["a"], known)
    tables.touch(connection, {b"b": T + 95})
    assert sweep(connection, T + 110) == 1 and names(connection) == ["a", "b"]
    full = turn(None, 40, most=known.size)
    id_ = write(connection, "f", full, T + 110)
    assert write(connection, "f", turn(None, 5), T + 190) == id_
    assert sweep(connection, T + 250) == 2 and names(connection) == ["f"]


def test_a_clock_that_is_put_back_deletes_nothing(connection):
    for name in "abc":
        write(connection, name, turn(None, 4), T)
    for back in (T - 50, T - 10_000, 5.0, 0.0, -5.0):
        assert sweep(connection, back) == 0
    assert names(connection) == ["a", "b", "c"]
    write(connection, "d", turn(None, 4), 50.0)
    # What was used in the future is not kept until then.
    assert sweep(connection, 96.0) == 3 and names(connection) == ["d"]


def test_the_oldest_go_when_it_is_too_much(connection, tmp_path):
    for number in range(60):
        write(connection, f"s{number}", turn(None, 20, text=os.urandom(1000).hex()), T + number)
    tables.touch(connection, {b"s0": T + 70})
    taken = tables.taken_bytes(connection)
    assert taken > 1_000_000
    assert sweep(connection, T + 80, most_bytes=taken) == 0
    gone = sweep(connection, T + 80, most_bytes=taken // 2)
    assert 25 < gone < 40 and tables.taken_bytes(connection) <= taken // 2
    assert names(connection) == ["s0", *(f"s{number}" for number in range(gone + 1, 60))]
    for name in names(connection):
        with closing(reading(tmp_path / "decisions.sqlite")) as reader:
            assert not tables.read(reader, name.encode(), BOUNDS).broken
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert (tmp_path / "decisions.sqlite").stat().st_size < taken * 0.6, "the file is smaller, too"
    assert sweep(connection, T + 80, most_bytes=0) == 60 - gone


def test_numbers_are_never_given_again(connection):
    first = write(connection, "s", turn(None, 4))
    with transaction(connection):
        tables.forget(connection, b"s", first + 1)
        tables.forget(connection, b"other", first)
    assert names(connection) == ["s"]
    with transaction(connection):
        tables.forget(connection, b"s", first)
    assert names(connection) == [] and write(connection, "s", turn(None, 4)) > first


@pytest.mark.parametrize("count", [10, 499, 500, 501, 2000])
def test_more_links_than_a_query_takes(connection, count):
    known = turn(None, count)
    write(connection, "s", known)
    id_ = write(connection, "s", turn(None, count, text="later"))
    stored = tables.read(connection, b"s", BOUNDS)
    assert stored.id == id_ and stored.known.now.decided == known.now.decided
    size, rows = connection.execute("SELECT sum(64 + ifnull(length(data), 0)), count(*) FROM decision").fetchone()
    assert connection.execute("SELECT bytes, rows FROM session").fetchone() == (size, rows)


def test_what_is_written_is_all_or_nothing(connection):
    known = turn(None, 4)
    with pytest.raises(ZeroDivisionError), transaction(connection):
        tables.write(connection, b"s", Change.between(None, known), None, BOUNDS, T)
        raise ZeroDivisionError
    assert tables.read(connection, b"s", BOUNDS) is None
