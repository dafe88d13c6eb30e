import asyncio
import sqlite3
import time
from contextlib import closing
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kept_kit import INSERTED, LOTS, NOTE, QUICK, chain, contents, edit, link, noted, same, turn, until

from tailrace_plugins.compress.hidden.nouns import Inserted
from tailrace_plugins.compress.kept.store import Limits, Store
from tailrace_plugins.compress.memory import Known, Note, cost, note_cost


def rows(tmp_path, query="SELECT count(*) FROM decision"):
    with closing(sqlite3.connect(tmp_path / "compress/decisions.sqlite")) as connection:
        return connection.execute(query).fetchall()


async def test_what_is_kept_is_loaded_after_a_restart(open_store, tmp_path):
    store = open_store()
    assert await store.load("s") is None
    known = noted(turn(None, 6), 5, NOTE)
    store.keep("s", None, known)
    await store.aclose()
    loaded = await open_store().load("s")
    assert same(loaded, known)
    assert list(loaded.now.decided) == list(known.now.decided), "in their order"
    assert loaded.decisions(chain(6)) == known.decisions(chain(6)) and loaded.notes(chain(6)) == {5: NOTE}
    assert loaded.is_followed(chain(6).seed) and not loaded.is_followed(link("a", 5))
    assert loaded.size == sum(map(cost, known.now.decided.values())) + note_cost(NOTE) == known.size
    assert loaded.before == Known().before and not loaded.full


async def test_nobody_sees_the_sessions_of_others(open_store):
    store = open_store()
    for name in ("s", "S", "s ", "s\0", "\ud800", "x" * 10_000):
        store.keep(name, None, turn(None, 4, name.encode("utf-8", "replace")))
    for name in ("s", "S", "s ", "s\0", "\ud800", "x" * 10_000):
        assert same(await store.load(name), turn(None, 4, name.encode("utf-8", "replace")))
    store.keep("", None, turn(None, 4))
    assert await store.load("") is None and await store.load("t") is None


async def test_what_waits_to_be_written_is_loaded(open_store):
    store = open_store()
    known = turn(None, 4)
    for number in range(20):
        store.keep(f"s{number}", None, known)
        assert same(await store.load(f"s{number}"), known)


async def test_turn_by_turn(open_store):
    store, other = open_store(), open_store()
    known = None
    for count in range(2, 40, 2):
        before, known = known, noted(turn(known, count), count - 1, Note(adopts=count == 2, loads=(f"t{count}",)))
        store.keep("s", before, known)
        if count % 6 == 0:
            await until(lambda known=known: sees(other, known))
    await until(lambda: sees(other, known))


async def sees(store, known, session="s"):
    return same(await store.load(session), known)


async def test_a_note_that_grows(open_store):
    one, two = open_store(), open_store()
    first = noted(turn(None, 4), 3, Note(INSERTED, loads=("a",)))
    one.keep("s", None, first)
    theirs = await until(lambda: two.load("s"))
    newer = Inserted(({"role": "assistant"},))
    two.keep("s", theirs, noted(theirs, 3, Note(newer, loads=("b",))))
    await two.load("s")
    # What this process knows of the answer is older, and it has nothing new to say of it.
    more = noted(first, 3, Note(adopts=True, loads=("c",)))
    one.keep("s", first, more)
    expected = Note(newer, adopts=True, loads=("a", "b", "c"))
    assert (await one.load("s")).notes(chain(4)) == {3: expected}
    # Once somebody went on with an answer, it stays.
    grown = turn(more, 6)
    one.keep("s", more, grown)
    await one.load("s")
    before = noted(turn(None, 4), 3, Note(loads=("d",)))
    two.keep("s", before, noted(before, 3, Note(INSERTED)))
    assert (await two.load("s")).notes(chain(4))[3].inserted == newer


async def test_the_first_decision_stays(open_store):
    one, two = open_store(), open_store()
    mine, theirs = turn(None, 4, text="mine"), turn(None, 6, text="theirs")
    one.keep("s", None, mine)
    await one.load("s")
    two.keep("s", None, theirs)
    loaded = await two.load("s")
    assert loaded.decisions(chain(6)) == {**mine.decisions(chain(4)), 5: (edit(5, "theirs"),)}
    # The loser has what it has sent in its memory, and adds to it.
    two.keep("s", theirs, turn(theirs, 8, text="theirs"))
    assert (await two.load("s")).so_far(chain(8)) == 8


async def test_two_changes_at_the_same_time(open_store):
    store = open_store()
    start = turn(None, 2)
    store.keep("s", None, start)
    one, two = turn(start, 4), turn(start, 5, "b")
    store.keep("s", start, one)
    store.keep("s", start, two)
    assert contents(await store.load("s"))[0].keys() == {**one.now.decided, **two.now.decided}.keys()


async def test_what_was_deleted_is_written_again_as_a_whole(open_store, tmp_path):
    store = open_store()
    first = turn(None, 4)
    store.keep("s", None, first)
    await store.load("s")
    with closing(sqlite3.connect(tmp_path / "compress/decisions.sqlite")) as connection, connection:
        connection.execute("DELETE FROM decision")
        connection.execute("DELETE FROM session")
    second = turn(first, 6)
    store.keep("s", first, second)
    assert same(await store.load("s"), second)


@pytest.mark.parametrize("what", ["data = x'00'", "data = 5", "link = x'00'", "data = substr(data, 1, 9)"])
async def test_an_unreadable_row(open_store, tmp_path, what, caplog):
    first = open_store()
    known = turn(None, 6, text="sesame")
    first.keep("s", None, known)
    first.keep("t", None, known)
    await first.aclose()
    with closing(sqlite3.connect(tmp_path / "compress/decisions.sqlite")) as connection, connection:
        connection.execute(f"UPDATE decision SET {what} WHERE rowid = 3")
    store = open_store()
    assert await store.load("s") is None, "a gap would be decided anew"
    assert same(await store.load("t"), known)
    # What is decided now is not what was decided then.
    anew = turn(None, 6, text="other")
    store.keep("s", None, anew)
    assert same(await store.load("s"), anew)
    assert "sesame" not in caplog.text


async def test_a_row_that_is_gone(open_store, tmp_path):
    first = open_store()
    first.keep("s", None, turn(None, 6))
    await first.aclose()
    with closing(sqlite3.connect(tmp_path / "compress/decisions.sqlite")) as connection, connection:
        connection.execute("DELETE FROM decision WHERE rowid = 3")
    store = open_store()
    assert await store.load("s") is None
    await until(lambda: rows(tmp_path) == [(0,)])


async def test_an_unreadable_row_is_found_when_it_is_added_to(open_store, tmp_path):
    store = open_store()
    known = noted(turn(None, 6), 5, Note(adopts=True))
    store.keep("s", None, known)
    await store.load("s")
    with closing(sqlite3.connect(tmp_path / "compress/decisions.sqlite")) as connection, connection:
        connection.execute("UPDATE decision SET data = x'0000'")
    more = noted(known, 5, Note(loads=("a",)))
    store.keep("s", known, more)
    assert same(await store.load("s"), more)


async def test_what_cannot_be_stored_keeps_the_session_out(open_store, tmp_path):
    store = open_store()
    first = turn(None, 4)
    store.keep("s", None, first)
    assert await store.load("s")
    second = noted(first, 3, Note(Inserted(({"a": float("nan")},))))
    store.keep("s", first, second)
    assert await store.load("s") is None and rows(tmp_path) == [(0,)]
    store.keep("s", second, turn(second, 6))
    store.keep("t", None, first)
    assert same(await store.load("t"), first) and await store.load("s") is None
    assert not store.dropped


async def test_full_sessions_are_kept_as_they_are(open_store, tmp_path):
    store = open_store()
    most = turn(None, 20).size
    first = turn(None, 10, "other", most=most)
    store.keep("s", None, first)
    full = turn(first, 40, most=most)
    assert full.full and 10 < full.so_far(chain(40)) < 40
    store.keep("s", first, full)
    loaded = await store.load("s")
    assert same(loaded, full) and loaded.full, "nothing that it has forgotten is there"
    assert turn(loaded, 50) is loaded
    # Another process, which is not full, adds nothing.
    other = open_store()
    other.keep("s", None, turn(None, 40))
    assert same(await other.load("s"), full)
    nothing = turn(None, 4, most=0)
    store.keep("t", None, nothing)
    assert (await store.load("t")).full


async def test_a_session_with_too_much_begins_anew(open_store, tmp_path):
    limits = replace(QUICK, session_rows=30)
    store, other = open_store(limits), open_store(limits)
    store.keep("s", None, turn(None, 20, "old"))
    assert await store.load("s")
    known = turn(None, 20)
    other.keep("s", None, known)
    assert same(await other.load("s"), known), "all that the writer knows, and nothing else"
    again = turn(turn(None, 20, "old"), 22, "old")
    store.keep("s", turn(None, 20, "old"), again)
    assert same(await store.load("s"), again), "who wrote before has noticed"
    whole = turn(None, 31)
    other.keep("s", known, whole)
    assert await other.load("s") is None and rows(tmp_path) == [(0,)]


async def test_a_session_is_read_within_bounds(open_store, tmp_path):
    store = open_store()
    known = turn(None, 20, text="x" * 1000)
    store.keep("s", None, known)
    await store.aclose()
    for limits in (replace(QUICK, session_bytes=5000), replace(QUICK, session_rows=19)):
        small = open_store(limits)
        assert await small.load("s") is None
        short = turn(None, 2, text="x" * 1000)
        small.keep("s", None, short)
        assert same(await small.load("s"), short)
        again = open_store()
        again.keep("s", None, known)
        assert same(await again.load("s"), known)


async def test_huge_texts(open_store):
    store = open_store()
    known = turn(None, 4, text='\U0001f600\0"ä' * 300_000)
    store.keep("s", None, known)
    assert same(await store.load("s"), known)


async def test_many_sessions_at_the_same_time(open_store):
    store, other = open_store(), open_store()
    known = {
        f"s{number}": noted(turn(None, 6, str(number)), 5, Note(adopts=True), str(number)) for number in range(500)
    }

    async def one(name, number):
        first = turn(None, 3, str(number))
        store.keep(name, None, first)
        await asyncio.sleep(0)
        assert same(await store.load(name), first)
        store.keep(name, first, noted(turn(first, 6, str(number)), 5, Note(adopts=True), str(number)))
        assert same(await store.load(name), known[name])
        assert same(await other.load(name), known[name])

    await asyncio.gather(*(one(name, number) for number, name in enumerate(known)))
    assert not store.dropped


async def test_a_full_queue_drops_and_writes_the_whole_later(open_store, tmp_path):
    store = open_store(replace(QUICK, pending_bytes=40_000))
    first = turn(None, 4)
    store.keep("s", None, first)
    assert await store.load("s")
    with closing(sqlite3.connect(tmp_path / "compress/decisions.sqlite", isolation_level=None)) as lock:
        lock.execute("BEGIN IMMEDIATE")
        store.keep("other", None, first)
        await until(lambda: store._writing)
        began = time.perf_counter()
        store.keep("huge", None, turn(None, 100, text="x" * 1000))
        assert store.dropped == 1
        second = turn(first, 6)
        store.keep("s", first, turn(second, 40, text="y" * 4000))
        assert store.dropped == 2
        for number in range(1000):
            store.keep(f"n{number}", None, first)
        assert store.dropped > 900 and store.pending_bytes <= 40_000
        assert time.perf_counter() - began < 1, "nobody waits"
        lock.execute("ROLLBACK")
    await until(lambda: not store.pending_bytes)
    third = turn(turn(second, 40), 42)
    store.keep("s", turn(second, 40), third)
    assert same(await store.load("s"), third)


async def test_what_goes_on_is_written_as_one(open_store, tmp_path):
    store = open_store()
    await store.load("s")
    known = None
    for count in range(1, 200):
        before, known = known, turn(known, count)
        store.keep("s", before, known)
    assert sum(map(len, store._pending.values())) <= 2
    assert same(await store.load("s"), known)


async def test_permissions(open_store, tmp_path):
    store = open_store()
    store.keep("s", None, turn(None, 4))
    await store.load("s")
    folder = tmp_path / "compress"
    assert folder.stat().st_mode & 0o777 == 0o700
    names = {one.name for one in folder.iterdir()}
    assert "decisions.sqlite-wal" in names and {one.stat().st_mode & 0o777 for one in folder.iterdir()} == {0o600}


async def test_after_the_end(open_store):
    store = open_store()
    known = turn(None, 4)
    store.keep("s", None, known)
    await store.aclose()
    await store.aclose()
    store.keep("t", None, known)
    assert await store.load("s") is None and store.dropped == 1
    again = open_store()
    assert same(await again.load("s"), known) and await again.load("t") is None


async def test_the_end_while_many_wait(open_store):
    store = open_store()
    store.keep("s", None, turn(None, 200))
    waiting = [asyncio.ensure_future(store.load("s")) for _ in range(50)]
    await asyncio.sleep(0)
    await store.aclose()
    assert all(found is None or found.now.decided for found in await asyncio.gather(*waiting))


async def test_what_is_kept_is_not_held_in_the_memory(open_store):
    """`Memory` counts what is known for as long as it lives."""
    import gc
    import weakref

    store = open_store()
    known = turn(None, 4)
    dead = weakref.ref(known)
    store.keep("s", None, known)
    del known
    gc.collect()
    assert dead() is None


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(st.integers(0, 2), st.sampled_from("ab"), st.integers(0, 6), st.booleans()), min_size=1, max_size=12
    )
)
def test_processes_that_take_turns(tmp_path_factory, steps):
    """Whichever of three processes a turn comes to: what it loads is all that any of them has decided."""

    async def walk(folder):
        stores = [Store(folder, QUICK) for _ in range(3)]
        decided, noted_ = {}, {}
        for at, name, count, restarts in steps:
            if restarts:
                await stores[at].aclose()
                stores[at] = Store(folder, QUICK)
            before = await stores[at].load("s")
            assert (contents(before)[:2] if before else ({}, {})) == (decided, noted_)
            after = turn(before, count, name, text=str(at))
            if count:
                after = noted(after, count - 1, Note(loads=(str(at),)), name)
            stores[at].keep("s", before, after)
            # Committed, for the next.
            await stores[at].load("s")
            decided, noted_ = contents(after)[:2]
        for store in stores:
            await store.aclose()

    asyncio.run(walk(tmp_path_factory.mktemp("walk")))


def test_limits_are_those_of_the_brief():
    limits = Limits()
    assert limits.idle_s == 7200 and limits.sweep_s >= 60 and limits.most_bytes <= LOTS
