from collections import OrderedDict

import pytest
from cache_kit import NOW, entry, sized
from hypothesis import given
from hypothesis import strategies as st

from tailrace.cache.memory import Memory


def keys(memory, names, now=NOW):
    return [name for name in names if memory.get(name, now)]


def test_what_was_put_is_found_until_it_is_too_old():
    memory = Memory(100_000)
    memory.put(entry("a", expires=NOW + 10))
    assert memory.get("a", NOW + 9.9).key == "a" and memory.get("b", NOW) is None
    assert memory.get("a", NOW + 10) is None
    assert (len(memory), memory.bytes, memory.evictions) == (0, 0, 0)


def test_one_from_the_future_is_not_trusted():
    memory = Memory(100_000)
    memory.put(entry("a"))
    assert memory.get("a", NOW - 60) and memory.get("a", NOW - 61) is None
    assert len(memory) == 0


def test_the_least_recently_used_goes():
    memory = Memory(4000)
    for name in "abcd":
        memory.put(sized(name, 1000))
    assert (memory.bytes, len(memory)) == (4000, 4)
    assert memory.get("a", NOW)
    memory.put(sized("e", 1000))
    assert keys(memory, "abcde") == ["a", "c", "d", "e"]
    assert (memory.bytes, memory.evictions) == (4000, 1)


def test_another_of_the_same_key_takes_its_place():
    memory = Memory(8000)
    memory.put(sized("a", 900))
    memory.put(sized("a", 1500, question="new"))
    assert (memory.bytes, len(memory), memory.evictions) == (1500, 1, 0)
    assert memory.get("a", NOW).question == "new"


def test_one_that_is_too_large_is_not_kept_and_displaces_only_itself():
    memory = Memory(4000)
    for name in "abc":
        memory.put(sized(name, 1000))
    memory.put(sized("a", 1001))
    assert keys(memory, "abc") == ["b", "c"]
    assert memory.bytes == 2000


@pytest.mark.parametrize("bound", [0, 1, 700])
def test_no_room_at_all(bound):
    memory = Memory(bound)
    memory.put(entry("a"))
    assert memory.get("a", NOW) is None and memory.bytes == len(memory) == 0


async def test_removing():
    memory = Memory(100_000)
    for name in "abc":
        memory.put(entry(name, model=name))
    memory.remove("nothing")
    memory.remove("a")
    assert await memory.remove_where(lambda one: one.model == "b") == 1
    assert keys(memory, "abc") == ["c"]
    assert await memory.remove_where(lambda one: True) == 1
    assert memory.bytes == 0


OPERATIONS = st.lists(
    st.tuples(st.sampled_from(["put", "get", "remove"]), st.sampled_from("abcdef"), st.integers(701, 1200)), max_size=60
)


@given(OPERATIONS)
def test_like_a_simple_model(operations):
    """An ordered dict from the least to the most recently used; the bound holds after every step."""
    memory, model, bound = Memory(4000), OrderedDict(), 4000
    for what, key, size in operations:
        if what == "put":
            memory.put(sized(key, size))
            model.pop(key, None)
            if size <= bound // 4:
                model[key] = size
            while sum(model.values()) > bound:
                model.popitem(last=False)
        elif what == "get":
            found = memory.get(key, NOW)
            assert (found.size_bytes if found else None) == model.get(key)
            if key in model:
                model.move_to_end(key)
        else:
            memory.remove(key)
            model.pop(key, None)
        assert memory.bytes == sum(model.values()) <= bound and len(memory) == len(model)
