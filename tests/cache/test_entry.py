from cache_kit import NOW, entry

from tailrace.cache.entry import Entry, Saved


def test_size_is_that_of_its_texts_and_an_overhead():
    small = entry("k", b"")
    large = entry("k", b"b" * 10, frames=b"f" * 20, vector=b"v" * 30, question="q" * 40, tags=("t" * 50, "u"))
    assert large.size_bytes - small.size_bytes == 10 + 20 + 30 + 40 + 51
    assert small.size_bytes > 0


def test_age_and_freshness():
    one = entry(expires=NOW + 60)
    assert [one.age_s(NOW + late) for late in (-5, 0, 0.9, 1, 59.9)] == [0, 0, 0, 1, 59]
    assert [one.fresh(NOW + late) for late in (-61, -60, 0, 59.9, 60)] == [False, True, True, True, False]


def test_an_entry_is_a_value():
    assert entry("a") == entry("a") != entry("b")
    assert Entry("c", "k", "t", "chat", "m", 0.0, 1.0, b"").saved == Saved(0, 0, None, 0.0)
