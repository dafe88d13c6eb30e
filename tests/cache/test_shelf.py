import pytest
from cache_kit import Wall, entry, sized

from tailrace.cache.disk import Disk
from tailrace.cache.selector import Selector
from tailrace.cache.shelf import LocalShelf

ALL = Selector(everything=True)


@pytest.fixture
def wall():
    return Wall()


@pytest.fixture
def disk(tmp_path, wall):
    made = Disk(tmp_path / "cache.sqlite", 1 << 30, wall)
    yield made
    made.close()


async def test_memory_alone(wall):
    shelf = LocalShelf("exact_cache", 5000, None, wall)
    shelf.put(entry("a"))
    assert await shelf.get("a") and await shelf.get("b") is None
    size = entry("a").size_bytes
    expected = {"entries": 1, "bytes": size, "memory_entries": 1, "memory_bytes": size, "memory_evictions": 0}
    assert await shelf.totals() == expected
    assert await shelf.purge(ALL) == 1 and await shelf.get("a") is None
    await shelf.aclose()


async def test_from_the_disk_into_memory(wall, disk):
    shelf = LocalShelf("exact_cache", 5000, disk, wall)
    shelf.put(entry("a"))
    other = LocalShelf("exact_cache", 5000, disk, wall)
    assert (await other.totals())["memory_entries"] == 0
    assert await other.get("a")
    told = await other.totals()
    assert (told["memory_entries"], told["entries"], told["disk_evictions"]) == (1, 1, 0)
    assert await LocalShelf("another", 5000, disk, wall).get("a") is None


async def test_what_memory_has_no_room_for_is_on_the_disk(wall, disk):
    shelf = LocalShelf("exact_cache", 4000, disk, wall)
    for number in range(20):
        shelf.put(sized(str(number), 1000))
    shelf.put(sized("large", 100_000))
    told = await shelf.totals()
    assert (told["memory_entries"], told["memory_evictions"], told["entries"]) == (4, 16, 21)
    assert all([await shelf.get(key) for key in ["large", *map(str, range(20))]])
    assert told["memory_bytes"] <= 4000


@pytest.mark.parametrize("memory_bytes", [0, 5000])
async def test_expiry_by_the_clock(wall, disk, memory_bytes):
    shelf = LocalShelf("exact_cache", memory_bytes, disk, wall)
    shelf.put(entry("a"))
    wall.advance(3599)
    assert await shelf.get("a")
    wall.advance(1)
    assert await shelf.get("a") is None


async def test_a_purge_reaches_both(wall, disk):
    shelf = LocalShelf("exact_cache", 5000, disk, wall)
    for key in "abc":
        shelf.put(entry(key, model=key))
    assert await shelf.purge(Selector(model="b")) == 1
    assert [bool(await shelf.get(key)) for key in "abc"] == [True, False, True]
    assert await shelf.purge(Selector()) == 0
    assert await shelf.purge(ALL) == 2
    assert [await LocalShelf("exact_cache", 5000, disk, wall).get(key) for key in "abc"] == [None] * 3


async def test_the_disk_is_not_its_own_to_close(wall, disk):
    shelf = LocalShelf("exact_cache", 5000, disk, wall)
    shelf.put(entry("a"))
    await shelf.aclose()
    assert (await LocalShelf("exact_cache", 5000, disk, wall).get("a")) is not None


async def test_after_the_disk_is_closed_nothing_raises(wall, disk):
    shelf = LocalShelf("exact_cache", 0, disk, wall)
    disk.close()
    shelf.put(entry("a"))
    await shelf.get("b")
    await shelf.purge(ALL)
    await shelf.totals()
