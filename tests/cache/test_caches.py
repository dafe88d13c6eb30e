from cache_kit import Wall, entry

from tailrace.cache.caches import Caches
from tailrace.cache.selector import Selector


class Fake:
    def __init__(self, told=1, count=1):
        self.told = told
        self.count = count
        self.purged = []

    async def statistics(self):
        return {"told": self.told}

    async def purge(self, selector):
        self.purged.append(selector)
        return self.count


async def test_who_is_there():
    caches, one, two = Caches(), Fake(), Fake()
    assert (caches.names, await caches.statistics(), await caches.purge(Selector(everything=True))) == ((), {}, {})
    caches.announce("a", one)
    caches.announce("b", two)
    assert caches.names == ("a", "b")
    caches.withdraw(one)
    caches.withdraw(one)
    assert caches.names == ("b",)


async def test_during_a_reload_both_forget_and_the_newer_tells():
    caches, old, new, other = Caches(), Fake(1, 2), Fake(2, 3), Fake(9, 5)
    for name, cache in (("a", old), ("a", new), ("b", other)):
        caches.announce(name, cache)
    assert caches.names == ("a", "b")
    assert await caches.statistics() == {"a": {"told": 2}, "b": {"told": 9}}
    everything = Selector(everything=True)
    assert await caches.purge(everything) == {"a": 5, "b": 5}
    assert old.purged == new.purged == other.purged == [everything]
    caches.withdraw(old)
    assert caches.names == ("a", "b") and (await caches.statistics())["a"] == {"told": 2}


async def test_one_cache_alone():
    caches, one, two = Caches(), Fake(), Fake()
    caches.announce("a", one)
    caches.announce("b", two)
    assert await caches.purge(Selector(cache="b", model="m")) == {"b": 1} and not one.purged
    assert await caches.purge(Selector(cache="c", model="m")) == {}


async def test_the_file_is_shared_and_closed_with_all(tmp_path):
    caches, wall = Caches(), Wall()
    disk = caches.disk(tmp_path / "cache", 1 << 20, wall)
    assert caches.disk(tmp_path / "cache", 1 << 10, wall) is disk
    assert caches.disk(tmp_path / "other", 1 << 20, wall) is not disk
    disk.put(entry("k"))
    await caches.aclose()
    await caches.aclose()
    again = caches.disk(tmp_path / "cache", 1 << 20, wall)
    assert again is not disk and again.get("exact_cache", "k")
    await caches.aclose()


async def test_a_place_that_cannot_be_written_costs_the_file_alone(tmp_path, caplog):
    (tmp_path / "cache").write_text("a file")
    assert Caches().disk(tmp_path / "cache", 1 << 20, Wall()) is None
    assert "in memory only" in caplog.text
