"""All partitions together: loaded once, bounded, and told apart."""

import asyncio
import logging
import threading

import pytest

from tailrace.tasks import Tasks
from tailrace_plugins.semantic_cache.index import saved
from tailrace_plugins.semantic_cache.index.index import VectorIndex
from tailrace_plugins.semantic_cache.index.partition import EXACT_LIMIT, Partition

A, B, C = (bytes([n]) * 32 for n in (0xA, 0xB, 0xC))
MANY = 100_000_000


class Store:
    """The truth in a dict; `gate` holds loads up."""

    def __init__(self, made) -> None:
        self.made = made
        self.rows: dict[bytes, set[int]] = {}
        self.loads: list[bytes] = []
        self.fetched: list[int] = []
        self.gate = threading.Event()
        self.gate.set()
        self.error: Exception | None = None

    def load_ids(self, partition):
        self.loads.append(partition)
        ids = list(self.rows.get(partition, ()))
        assert self.gate.wait(20)
        if self.error is not None:
            raise self.error
        return ids

    def fetch(self, partition, ids):
        self.fetched += ids
        return [(id, self.made[id]) for id in ids if id in self.rows[partition]]


@pytest.fixture
def store(made):
    return Store(made)


@pytest.fixture
def make(tmp_path, store, tasks):
    def make(max_bytes=MANY, identity="model"):
        return VectorIndex(
            tmp_path / "index", identity, store.made.dimension, max_bytes, store.load_ids, store.fetch, tasks
        )

    return make


def files(tmp_path) -> list[str]:
    folder = tmp_path / "index"
    return sorted(one.name for one in folder.iterdir()) if folder.exists() else []


async def test_loaded_when_asked_for(make, store, made):
    store.rows[A] = {1, 2, 3}
    index = make()
    assert index.peek(A) is None and len(index) == 0
    partition = await index.get(A)
    assert partition.live() == [1, 2, 3] and index.peek(A) is partition and await index.get(A) is partition
    assert partition.search(made[2], 1)[0][0] == 2
    assert store.loads == [A] and index.size_bytes == partition.size_bytes


async def test_partitions_are_apart(make, store, made):
    store.rows = {A: {1}, B: {2}}
    index = make()
    assert [id for id, _ in (await index.get(A)).search(made[2], 10)] == [1]
    assert [id for id, _ in (await index.get(B)).search(made[1], 10)] == [2]


async def test_concurrent_calls_share_one_load(make, store):
    store.rows[A] = {1}
    store.gate.clear()
    index = make()
    calls = [asyncio.create_task(index.get(A)) for _ in range(20)]
    await asyncio.sleep(0)
    calls[0].cancel()
    store.gate.set()
    results = await asyncio.gather(*calls[1:])
    assert len(set(map(id, results))) == 1 and store.loads == [A] and calls[0].cancelled()


async def test_what_is_not_loaded_is_left_to_the_store(make, made):
    index = make()
    assert not index.add(A, 1, made[1])
    index.remove(A, 1)
    assert index.peek(A) is None


async def test_changes_while_it_loads_are_made_up_for(make, store, made, until):
    store.rows[A] = {1, 2}
    store.gate.clear()
    index = make()
    load = asyncio.create_task(index.get(A))
    await until(lambda: store.loads)
    assert index.add(A, 5, made[5])
    index.remove(A, 1)
    with pytest.raises(ValueError):
        index.add(A, 6, b"none")
    store.gate.set()
    assert (await load).live() == [2, 5]


async def test_a_store_that_fails_fails_the_call_and_no_later_one(make, store):
    store.error = OSError("locked")
    index = make()
    results = await asyncio.gather(index.get(A), index.get(A), return_exceptions=True)
    assert all(isinstance(one, OSError) for one in results)
    store.error = None
    assert len(await index.get(A)) == 0


async def test_the_least_recently_used_make_room(make, store, made):
    for n, key in enumerate((A, B, C)):
        store.rows[key] = set(range(n * 100, n * 100 + 100))
    each = (await make().get(A)).size_bytes
    index = make(each * 5 // 2)
    await index.get(A)
    await index.get(B)
    index.peek(A)
    await index.get(C)
    assert index.peek(B) is None and index.peek(A) is not None and index.peek(C) is not None
    assert index.size_bytes == each * 2


async def test_many_empty_partitions_are_bounded_too(make):
    index = make(50_000)
    for n in range(200):
        await index.get(n.to_bytes(32))
        assert index.size_bytes <= 50_000
    assert 5 < len(index) < 50


async def test_one_that_outgrows_all_room_keeps_its_newest(make, store, made):
    room = Partition.room(100_000, made.dimension)
    store.rows[A] = set(range(2000))
    index = make(100_000)
    partition = await index.get(A)
    assert partition.live() == list(range(2000 - room, 2000)) and index.size_bytes <= 100_000
    added = [index.add(A, n, made[n]) for n in range(2000, 2900)]
    assert not added[-1] and index.size_bytes <= 100_000


async def test_growing_drives_others_out(make, store, made):
    index = make(100_000)
    await index.get(A)
    await index.get(B)
    for n in range(480):
        index.add(A, n, made[n])
        assert index.size_bytes <= 100_000
    assert index.peek(B) is None and len(index.peek(A)) > 100


def test_no_room_at_all(tmp_path, made):
    with pytest.raises(ValueError):
        VectorIndex(tmp_path, "model", 384, 1000, lambda _: [], lambda *_: [], Tasks())


async def test_a_growing_partition_becomes_a_graph_by_itself(make, store, made, until):
    index = make()
    partition = await index.get(A)
    for n in range(EXACT_LIMIT + 50):
        index.add(A, n, made[n])
    await until(lambda: partition.is_graph)
    assert len(partition) == EXACT_LIMIT + 50
    await until(lambda: index.size_bytes == partition.size_bytes)


async def test_an_evicted_big_one_comes_back_from_its_file(make, store, made, until, tmp_path):
    store.rows[A] = set(range(EXACT_LIMIT + 100))
    store.rows[B] = set(range(EXACT_LIMIT))
    index = make(1_200_000)
    await index.get(A)
    store.fetched.clear()
    await index.get(B)
    assert index.peek(A) is None
    again = await index.get(A)
    assert again.is_graph and len(again) == EXACT_LIMIT + 100
    assert set(store.fetched) == store.rows[B] and len(store.fetched) == EXACT_LIMIT
    assert all(
        len(name.split(".")[0]) == 64 and set(name.split(".")[0]) <= set("0123456789abcdef") for name in files(tmp_path)
    )
    # Unchanged since: not written again.
    before = [one.stat().st_mtime_ns for one in (tmp_path / "index").iterdir()]
    await index.save_all()
    assert before == [one.stat().st_mtime_ns for one in (tmp_path / "index").iterdir()]


async def test_closed_and_opened_again(make, store, made, tmp_path):
    store.rows[A] = set(range(EXACT_LIMIT + 100))
    store.rows[B] = {1}
    index = make()
    await index.get(A)
    await index.get(B)
    await index.aclose()
    assert len(files(tmp_path)) == 2
    store.fetched.clear()
    store.rows[A] |= {2500}
    store.rows[A] -= {0}
    partition = await make().get(A)
    assert store.fetched == [2500] and 0 not in partition.live() and len(partition) == EXACT_LIMIT + 100


async def test_another_model_reads_nothing_of_it(make, store, tmp_path):
    store.rows[A] = set(range(EXACT_LIMIT + 1))
    index = make()
    await index.get(A)
    await index.aclose()
    store.fetched.clear()
    await make(identity="other").get(A)
    assert len(store.fetched) == EXACT_LIMIT + 1


async def test_forget(make, store, tmp_path):
    store.rows[A] = set(range(EXACT_LIMIT + 1))
    index = make()
    await index.get(A)
    await index.save_all()
    assert len(files(tmp_path)) == 2
    store.rows[A] = set()
    index.forget(A)
    index.forget(B)
    assert files(tmp_path) == [] and index.peek(A) is None and index.size_bytes == 0
    assert len(await index.get(A)) == 0


async def test_forgotten_while_it_loads(make, store, made, until):
    store.rows[A] = {1, 2}
    store.gate.clear()
    index = make()
    load = asyncio.create_task(index.get(A))
    await until(lambda: store.loads)
    index.add(A, 5, made[5])
    store.rows[A] = {7}
    index.forget(A)
    index.add(A, 8, made[8])
    store.gate.set()
    assert (await load).live() == [7, 8] and store.loads == [A, A]


async def test_forgotten_while_it_is_written(make, store, tmp_path, until, monkeypatch):
    store.rows[A] = set(range(EXACT_LIMIT + 1))
    index = make()
    await index.get(A)
    writing, go_on, save = threading.Event(), threading.Event(), saved.save

    def slow(*given):
        writing.set()
        assert go_on.wait(20)
        return save(*given)

    monkeypatch.setattr(saved, "save", slow)
    work = asyncio.create_task(index.save_all())
    await until(writing.is_set)
    index.forget(A)
    go_on.set()
    await work
    assert files(tmp_path) == []


async def test_a_disk_that_refuses_is_logged(make, store, tmp_path, caplog):
    store.rows[A] = set(range(EXACT_LIMIT + 1))
    (tmp_path / "index").write_bytes(b"a file where the folder belongs")
    index = make()
    await index.get(A)
    with caplog.at_level(logging.WARNING):
        await index.aclose()
    assert "not saved" in caplog.text


async def test_closing_does_not_wait_for_a_load(make, store, until, tasks):
    store.rows[A] = set(range(3000))
    index = make()
    load = asyncio.create_task(index.get(A))
    await until(lambda: store.fetched)
    await index.aclose()
    assert load.done() and len(tasks) == 0
