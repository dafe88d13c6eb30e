"""One partition through its forms, with changes in the middle of a build."""

import threading

import pytest

from tailrace_plugins.semantic_cache.index import partition as module
from tailrace_plugins.semantic_cache.index.partition import EXACT_LIMIT, Partition


def filled(made, count: int) -> Partition:
    partition = Partition(made.dimension)
    assert partition.add_many((n, made[n]) for n in range(count)) == 0
    return partition


def finds(partition, made, n: int) -> bool:
    found = partition.search(made[n], 1)
    return bool(found) and found[0][0] == n and found[0][1] == pytest.approx(1, abs=1e-4)


def test_a_small_one_is_exact(made):
    partition = filled(made, 500)
    everyone = list(range(500))
    for n in range(500, 520):
        found = partition.search(made[n], 7)
        assert [id for id, _ in found] == made.nearest(made[n], everyone, 7)
        assert [score for _, score in found] == sorted((score for _, score in found), reverse=True)
    assert not partition.needs_build and not partition.build() and not partition.is_graph


def test_replace_and_remove(made):
    partition = filled(made, 10)
    partition.add(3, made[99])
    partition.remove(4)
    partition.remove(4)
    assert len(partition) == 9 and partition.changes == 12
    assert partition.search(made[99], 1)[0][0] == 3
    assert 4 not in [id for id, _ in partition.search(made[4], 10)]


def test_nothing_to_find(made):
    assert Partition(made.dimension).search(made[0], 5) == []
    assert filled(made, 3).search(made[0], 0) == []


@pytest.mark.parametrize("id", [-1, 2**63])
def test_ids_out_of_range(made, id):
    with pytest.raises(ValueError):
        Partition(made.dimension).add(id, made[0])


def test_what_is_no_vector(made):
    partition = filled(made, 3)
    for bad in (b"", made[0][:-4], bytes(64), b"\xff" * 64):
        with pytest.raises(ValueError):
            partition.add(9, bad)
        with pytest.raises(ValueError):
            partition.search(bad, 1)
    assert partition.add_many([(10, made[10]), (11, bytes(64)), (12, made[12])]) == 1
    assert partition.live() == [0, 1, 2, 10, 12]


def test_it_becomes_a_graph_and_a_matrix_again(made):
    partition = filled(made, EXACT_LIMIT)
    assert not partition.needs_build
    partition.add(EXACT_LIMIT, made[EXACT_LIMIT])
    assert partition.needs_build and partition.build() and partition.is_graph and not partition.needs_build
    assert len(partition) == EXACT_LIMIT + 1 and sum(finds(partition, made, n) for n in range(300)) >= 297
    for n in range(EXACT_LIMIT // 2 + 1):
        partition.remove(n)
    assert partition.needs_build and partition.build() and not partition.is_graph
    assert partition.live() == list(range(EXACT_LIMIT // 2 + 1, EXACT_LIMIT + 1))
    assert finds(partition, made, EXACT_LIMIT)


def test_removed_nodes_are_swept_out(made):
    partition = filled(made, 4000)
    partition.build()
    before = partition.size_bytes
    for n in range(1300):
        partition.remove(n)
    assert not partition.needs_build
    for n in range(1300, 1500):
        partition.remove(n)
    assert partition.needs_build and partition.build() and partition.is_graph
    assert partition.size_bytes < before * 0.75
    assert partition.live() == list(range(1500, 4000))
    assert sum(finds(partition, made, n) for n in range(1500, 1800)) >= 297


def test_changes_in_the_middle_of_a_build_are_made_up_for(made):
    partition = filled(made, EXACT_LIMIT + 1)
    asked = iter(range(10**6))

    def stop() -> bool:
        # Called between chunks, when nothing is locked: as another thread would, change things.
        if (turn := next(asked)) == 3:
            for n in range(100):
                partition.remove(n)
            for n in range(2500, 2600):
                partition.add(n, made[n])
            partition.add(200, made[2700])
            assert finds(partition, made, 2500) and not finds(partition, made, 50)
            assert not partition.needs_build and not partition.build()
        elif turn == 20:
            partition.remove(2501)
            partition.add(50, made[50])
        return False

    assert partition.build(stop) and partition.is_graph
    assert partition.live() == sorted({50, *range(100, EXACT_LIMIT + 1), *range(2500, 2600)} - {2501})
    assert finds(partition, made, 2500) and finds(partition, made, 50) and not finds(partition, made, 51)
    assert partition.search(made[2700], 1)[0][0] == 200


def test_a_stopped_build_changes_nothing(made):
    partition = filled(made, EXACT_LIMIT + 1)
    assert not partition.build(lambda: True)
    assert not partition.is_graph and partition.needs_build and finds(partition, made, 1)
    assert partition.build()


def test_a_failed_build_changes_nothing(made, monkeypatch):
    partition = filled(made, EXACT_LIMIT + 1)
    monkeypatch.setattr(module, "Graph", None)
    with pytest.raises(TypeError):
        partition.build()
    monkeypatch.undo()
    assert finds(partition, made, 1) and partition.build()


def test_threads(made):
    partition = filled(made, EXACT_LIMIT + 1)
    builder = threading.Thread(target=partition.build)
    builder.start()
    while True:
        is_last = not builder.is_alive()
        for n in range(2100, 2200):
            partition.add(n, made[n])
        assert finds(partition, made, 2150)
        for n in range(2100, 2200):
            partition.remove(n)
        if is_last:
            break
    builder.join()
    assert partition.live() == list(range(EXACT_LIMIT + 1)) and partition.is_graph


def test_memory_is_foreseen(made):
    each = Partition.bytes_per_vector(made.dimension)
    partition = Partition(made.dimension)
    for n in range(300):
        before = partition.size_bytes
        partition.add(n, made[n])
        assert partition.size_bytes - before <= each
    room = Partition.room(100_000, made.dimension)
    assert 0 < room < 100_000 // each and Partition.room(10, made.dimension) <= 0
