"""A partition's file: used when it fits, made up for when it is behind, never believed when it is damaged."""

import logging

import pytest

from tailrace_plugins.semantic_cache.index import saved
from tailrace_plugins.semantic_cache.index.partition import EXACT_LIMIT, Partition

COUNT = EXACT_LIMIT + 200


class Store:
    """The truth, and what it was asked for."""

    def __init__(self, made) -> None:
        self.made = made
        self.asked: list[int] = []

    def fetch(self, ids):
        self.asked += ids
        return ((id, self.made[id]) for id in ids)


@pytest.fixture
def store(made):
    return Store(made)


@pytest.fixture(scope="module")
def original(made):
    partition = Partition(made.dimension, COUNT)
    partition.add_many((n, made[n]) for n in range(COUNT))
    assert partition.is_graph
    return partition


@pytest.fixture
def path(tmp_path, original):
    path = tmp_path / "index" / "ab12"
    assert saved.save(original, path, "model")
    return path


def restore(path, store, ids=range(COUNT), identity="model", dimension=None):
    return saved.restore(path, identity, dimension or store.made.dimension, list(ids), store.fetch)


def good(partition, made, ids=range(COUNT)) -> bool:
    ids = list(ids)
    some = ids[:: max(len(ids) // 100, 1)]
    found = sum(partition.search(made[n], 1)[0][0] == n for n in some)
    return partition.live() == sorted(ids) and found >= len(some) * 0.98


def test_there_and_back(path, store, made, original):
    partition = restore(path, store)
    assert good(partition, made) and store.asked == []
    assert partition.saved_changes == partition.changes == 0 and original.saved_changes == original.changes
    assert sorted(one.name for one in path.parent.iterdir()) == ["ab12.hnsw", "ab12.json"]
    assert path.parent.stat().st_mode & 0o077 == 0


def test_what_has_changed_since(path, store, made):
    ids = [*range(50, COUNT), *range(2500, 2550)]
    partition = restore(path, store, ids)
    assert good(partition, made, ids) and sorted(store.asked) == list(range(2500, 2550))
    assert partition.saved_changes != partition.changes
    saved.save(partition, path, "model")
    store.asked.clear()
    assert good(restore(path, store, ids), made, ids) and store.asked == []


def test_a_small_one_is_not_kept(path, store, made):
    small = restore(path, store, range(100))
    assert good(small, made, range(100)) and not small.is_graph and len(store.asked) == 100
    assert not saved.save(small, path, "model")
    assert list(path.parent.iterdir()) == []


def test_no_file(tmp_path, store, made):
    assert good(restore(tmp_path / "none" / "x", store), made) and len(store.asked) == COUNT


def test_another_model(path, store, made):
    assert good(restore(path, store, identity="other"), made) and len(store.asked) == COUNT


def test_another_dimension(path, store):
    partition = restore(path, store, dimension=8)
    assert len(store.asked) == COUNT and len(partition) == 0


@pytest.mark.parametrize("share", [0, 0.0001, 0.01, 0.5, 0.99, 0.99999])
@pytest.mark.parametrize("ending", [".hnsw", ".json"])
def test_a_truncated_file_is_built_anew(path, store, made, share, ending):
    file = path.with_name(path.name + ending)
    data = file.read_bytes()
    file.write_bytes(data[: int(len(data) * share)])
    assert good(restore(path, store), made) and len(store.asked) == COUNT


@pytest.mark.parametrize("share", [0, 0.3, 0.7, 0.9999])
@pytest.mark.parametrize("ending", [".hnsw", ".json"])
def test_one_changed_byte_is_noticed(path, store, made, share, ending):
    file = path.with_name(path.name + ending)
    data = bytearray(file.read_bytes())
    data[int(len(data) * share)] ^= 1
    file.write_bytes(data)
    assert good(restore(path, store), made) and len(store.asked) == COUNT


@pytest.mark.parametrize("ending", [".hnsw", ".json"])
def test_half_a_pair(path, store, made, ending):
    path.with_name(path.name + ending).unlink()
    assert good(restore(path, store), made) and len(store.asked) == COUNT


@pytest.mark.parametrize("ending", [".hnsw", ".json"])
def test_a_folder_in_its_place(path, store, made, ending):
    file = path.with_name(path.name + ending)
    file.unlink()
    file.mkdir()
    assert good(restore(path, store), made) and len(store.asked) == COUNT


def test_a_manifest_of_another_time_is_not_believed(path, store, made):
    manifest = saved.manifest_file(path).read_bytes()
    later = Partition(made.dimension, COUNT)
    later.add_many((n, made[n + 1]) for n in range(COUNT))
    saved.save(later, path, "model")
    saved.manifest_file(path).write_bytes(manifest)
    assert good(restore(path, store), made) and len(store.asked) == COUNT


def test_an_interrupted_write_leaves_the_old_one(path, store, made, monkeypatch):
    partition = restore(path, store, range(10, COUNT))
    with monkeypatch.context() as patch:
        patch.setattr(saved, "_synced_checksum", lambda file: (_ for _ in ()).throw(OSError("disk full")))
        with pytest.raises(OSError):
            saved.save(partition, path, "model")
    assert partition.saved_changes != partition.changes
    assert sorted(one.name for one in path.parent.iterdir()) == ["ab12.hnsw", "ab12.json"]
    assert good(restore(path, store), made) and store.asked == []


def test_a_folder_that_cannot_be_written(tmp_path, original):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OSError):
        saved.save(original, tmp_path / "file" / "ab", "model")


def test_what_the_store_does_not_know_or_has_damaged_is_left_out(tmp_path, made, caplog):
    def fetch(ids):
        return ((id, made[id] if id % 10 else bytes(64)) for id in ids if id != 7)

    with caplog.at_level(logging.WARNING):
        partition = saved.restore(tmp_path / "x", "model", made.dimension, list(range(30)), fetch)
    assert partition.live() == [n for n in range(30) if n % 10 and n != 7]
    assert "3 stored vectors" in caplog.text


def test_a_store_that_fails_is_heard(tmp_path, made):
    def fetch(ids):
        raise OSError("database is gone")

    with pytest.raises(OSError, match="gone"):
        saved.restore(tmp_path / "x", "model", made.dimension, [1], fetch)


def test_stopped_early(tmp_path, store):
    partition = saved.restore(tmp_path / "x", "model", 16, list(range(COUNT)), store.fetch, lambda: True)
    assert len(partition) == 0 and store.asked == []


def test_most_removed_since_is_swept_at_once(path, store, made):
    ids = [*range(1900, COUNT), *range(COUNT, 3000), *range(1000)]
    assert len(ids) > EXACT_LIMIT
    partition = restore(path, store, ids)
    assert good(partition, made, ids) and not partition.needs_build
