import pytest

from tailrace.sim import SimSettings
from tailrace.sim.prefix import Mark, MarkedUse, PrefixCache
from tailrace.sim.tokens import Segment

WORD = " river"


def segment(tokens, salt=""):
    return Segment(salt + WORD * (tokens - (1 if salt else 0)))


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def cache(clock):
    return PrefixCache(SimSettings(), clock)


@pytest.mark.parametrize(
    ("tokens", "cached"),
    [(500, 0), (1023, 0), (1024, 0), (1025, 1024), (1151, 1024), (1153, 1152), (1280, 1152), (5000, 4992)],
)
def test_the_same_prompt_again(cache, tokens, cached):
    """Multiples of 128 from 1024 on; the last token is always computed."""
    assert cache.automatic("key", "m", [segment(tokens)]) == 0
    assert cache.automatic("key", "m", [segment(tokens)]) == cached


def test_a_longer_conversation_hits_what_was_seen_before(cache):
    head = [segment(1200, "system"), segment(300, "hello")]
    cache.automatic("key", "m", head)
    assert cache.automatic("key", "m", [*head, segment(700, "tool")]) == 1500 // 128 * 128
    assert cache.automatic("key", "m", [*head, segment(700, "tool"), segment(9)]) == 2200 // 128 * 128


def test_a_change_inside_the_prefix_ends_the_hit_there(cache):
    cache.automatic("key", "m", [segment(2000, "a"), segment(2000, "b")])
    assert cache.automatic("key", "m", [segment(2000, "a"), segment(2000, "c")]) == 2000 // 128 * 128
    assert cache.automatic("key", "m", [segment(2000, "x"), segment(2000, "b")]) == 0


def test_a_message_that_grew_hits_up_to_where_it_differs(cache):
    cache.automatic("key", "m", [segment(1500)])
    assert cache.automatic("key", "m", [segment(3000)]) == 1408


@pytest.mark.parametrize(("credential", "model"), [("other", "m"), ("key", "n")])
def test_another_key_or_model_never_hits(cache, credential, model):
    cache.automatic("key", "m", [segment(2000)])
    assert cache.automatic(credential, model, [segment(2000)]) == 0


def test_it_lapses_after_five_minutes_unless_used(cache, clock):
    cache.automatic("key", "m", [segment(2000)])
    clock.now += 299
    assert cache.automatic("key", "m", [segment(2000)]) == 1920
    clock.now += 299
    assert cache.automatic("key", "m", [segment(2000)]) == 1920
    clock.now += 301
    assert cache.automatic("key", "m", [segment(2000)]) == 0


def test_it_is_bounded(clock):
    cache = PrefixCache(SimSettings(cache_blocks=10), clock)
    cache.automatic("key", "m", [segment(5000)])
    assert len(cache) == 10


def test_without_marks_nothing_is_read_or_written(cache):
    assert cache.marked("key", "m", [segment(5000)], []) == MarkedUse()


def test_marks_write_first_and_read_then(cache):
    parts = [segment(2000, "system"), segment(500, "one")]
    mark = [Mark(0, 300.0)]
    assert cache.marked("key", "m", parts, mark) == MarkedUse(written_5m=2000)
    assert cache.marked("key", "m", parts, mark) == MarkedUse(read=2000)


def test_a_mark_that_moves_along_reads_the_old_prefix_and_writes_the_rest(cache):
    parts = [segment(2000, "system"), segment(500, "one"), segment(300, "two")]
    cache.marked("key", "m", parts[:2], [Mark(1, 300.0)])
    assert cache.marked("key", "m", parts, [Mark(2, 300.0)]) == MarkedUse(read=2500, written_5m=300)


def test_hour_marks_are_told_apart_and_short_prefixes_are_not_kept(cache, clock):
    parts = [segment(2000, "system"), segment(500, "one")]
    made = cache.marked("key", "m", parts, [Mark(0, 3600.0), Mark(1, 300.0)])
    assert made == MarkedUse(written_1h=2000, written_5m=500)
    clock.now += 1000
    assert cache.marked("key", "m", parts, [Mark(0, 3600.0)]) == MarkedUse(read=2000)
    assert cache.marked("key", "m", [segment(100)], [Mark(0, 300.0)]) == MarkedUse()
