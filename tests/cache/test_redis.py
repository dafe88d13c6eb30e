"""The shelf in Redis, against a real server."""

import asyncio
import threading
import time
from dataclasses import replace

import pytest
import redis
from cache_kit import entry
from redis_kit import redis_server

from tailrace.cache import redis as ours
from tailrace.cache.entry import Saved
from tailrace.cache.redis import RedisShelf
from tailrace.cache.selector import Selector
from tailrace.errors import TailraceError
from tailrace.tasks import Tasks

ALL = Selector(everything=True)


class Monotonic:
    """A clock that is moved by hand."""

    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture(scope="module")
def server():
    with redis_server() as made:
        yield made


@pytest.fixture
def emptied(server):
    with server.client() as client:
        client.flushall()
    return server


@pytest.fixture
async def shelves(emptied, monkeypatch):
    """Make shelves on the server, or another; all are closed at the end. They wait long, for a busy machine's sake."""
    made = []

    def make(name="exact_cache", url=emptied.url):
        monkeypatch.setattr(ours, "_TIMEOUT_S", 10.0)
        shelf = RedisShelf(name, url, Tasks(), Monotonic(), time.time)
        made.append(shelf)
        return shelf

    yield make
    for shelf in made:
        await shelf.aclose()


def fresh(key="k", body=None, **more):
    """An entry of an hour, made now: Redis keeps its own time."""
    now = time.time()
    return entry(key, body, **{"created": now, "expires": now + 3600, **more})


async def put(shelf, *entries):
    for one in entries:
        shelf.put(one)
    await shelf._tasks.drain(30)


def ask(server, *command):
    with server.client() as client:
        return client.execute_command(*command)


FULL = {"frames": b"\x00\xff", "usage": False, "question": "why\nso?", "tags": ("red", "blue")}
FULL |= {"saved": Saved(1, 2, 0.5, 1.5)}


@pytest.mark.parametrize("more", [FULL, {}, {"saved": Saved(usd=None), "model": ""}])
async def test_round_trip(shelves, more):
    shelf, one = shelves(), fresh(**more)
    await put(shelf, one)
    assert await shelf.get("k") == one and await shelf.get("other") is None
    assert await shelf.totals() == {"entries": 1, "redis_failures": 0, "redis_dropped": 0}


async def test_another_takes_the_place_of_one(shelves):
    shelf = shelves()
    await put(shelf, fresh(frames=b"frames"))
    await put(shelf, fresh(body=b"two"))
    found = await shelf.get("k")
    assert (found.body, found.frames) == (b"two", b"")


async def test_two_share_and_two_names_do_not(shelves):
    one, two, other = shelves(), shelves(), shelves("another_cache")
    await put(one, fresh())
    assert await two.get("k") and await other.get("k") is None
    await put(other, fresh(cache="another_cache"))
    assert (await two.totals())["entries"] == 1
    assert await two.purge(ALL) == 1
    assert await one.get("k") is None and await other.get("k")


async def test_expiry(shelves, emptied):
    shelf = shelves()
    await put(shelf, fresh(expires=time.time() + 100.5))
    assert 99_000 < ask(emptied, "PTTL", "tailrace:exact_cache:k") <= 100_500
    await put(shelf, fresh("gone", expires=time.time() - 1))
    assert await shelf.get("gone") is None and not ask(emptied, "EXISTS", "tailrace:exact_cache:gone")
    ask(emptied, "PEXPIRE", "tailrace:exact_cache:k", 1)
    deadline = time.monotonic() + 5
    while await shelf.get("k") is not None:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


async def test_the_clock_of_this_process_counts_too(shelves):
    shelf = shelves()
    await put(shelf, fresh())
    shelf._wall_s = lambda: time.time() + 3601
    assert await shelf.get("k") is None


@pytest.mark.parametrize(
    ("parts", "gone"),
    [
        ({"key": "a"}, "a"),
        ({"key": "zz"}, ""),
        ({"tag": "red"}, "ab"),
        ({"model": "gpt-4o"}, "b"),
        ({"tenant": "bob"}, "c"),
        ({"question": "*refund*"}, "c"),
        ({"older_than_s": 50}, "a"),
        ({"tag": "red", "model": "gpt-4o"}, "b"),
        ({"everything": True}, "abc"),
        ({"key": "a", "tenant": "bob"}, ""),
        ({}, ""),
    ],
)
async def test_purge(shelves, parts, gone):
    shelf = shelves()
    a = fresh("a", tags=("red",), created=time.time() - 100)
    b = fresh("b", tags=("blue", "red"), model="gpt-4o")
    await put(shelf, a, b, fresh("c", tenant="bob", question="a refund\nplease"))
    assert await shelf.purge(Selector(**parts)) == len(gone)
    assert [bool(await shelf.get(key)) for key in "abc"] == [key not in gone for key in "abc"]


MANY = "for i = 1, 1200 do redis.call('COPY', KEYS[1], KEYS[1] .. i) end"


async def test_a_purge_of_more_than_one_step(shelves, emptied):
    shelf = shelves()
    await put(shelf, fresh())
    ask(emptied, "EVAL", MANY, 1, "tailrace:exact_cache:k")
    assert (await shelf.totals())["entries"] == 1201
    assert await shelf.purge(ALL) == 1201 and (await shelf.totals())["entries"] == 0


KEY = "tailrace:exact_cache:k"
GARBAGE = {
    "no about": ("HSET", KEY, "x", "y"),
    "no JSON": ("HSET", KEY, "about", "{", "body", "x"),
    "not UTF-8": ("HSET", KEY, "about", b"\xff\xfe"),
    "no object": ("HSET", KEY, "about", "[1]"),
    "another object": ("HSET", KEY, "about", '{"a": 1}'),
    "too many fields": ("HSET", KEY, "about", '{"saved": [1,2,3,4,5], "tags": []}'),
    "no saved": ("HSET", KEY, "about", '{"tags": []}'),
}


@pytest.mark.parametrize("command", GARBAGE.values(), ids=GARBAGE)
async def test_what_is_no_entry_of_ours_is_none(shelves, emptied, command):
    shelf = shelves()
    ask(emptied, *command)
    assert await shelf.get("k") is None
    assert await shelf.purge(ALL) == 0 and shelf.failures == 0
    await put(shelf, fresh())
    assert await shelf.get("k")


@pytest.mark.parametrize("field", ["created", "expires"])
async def test_an_entry_with_fields_of_another_type_is_none(shelves, emptied, field):
    shelf = shelves()
    await put(shelf, fresh())
    about = ask(emptied, "HGET", KEY, "about").decode()
    ask(emptied, "HSET", KEY, "about", about.replace(f'"{field}":', f'"{field}":"x","question":'))
    assert await shelf.get("k") is None


async def test_a_foreign_key_of_another_type_does_not_stop_a_purge(shelves, emptied):
    shelf = shelves()
    await put(shelf, fresh("a"), fresh("b"))
    ask(emptied, "SET", KEY, "a string")
    assert await shelf.purge(ALL) >= 2
    assert await shelf.get("a") is None is await shelf.get("b")


async def test_a_foreign_key_of_another_type_is_no_entry(shelves, emptied):
    shelf = shelves()
    ask(emptied, "SET", KEY, "a string")
    assert await shelf.get("k") is None


async def test_killed_and_back(shelves, emptied):
    with redis_server() as own:
        shelf = shelves(url=own.url)
        await put(shelf, fresh())
        own.kill()
        assert await shelf.get("k") is None
        assert shelf.is_away and shelf.failures == 1
        # Left alone: neither asked nor given anything.
        for _ in range(1000):
            assert await shelf.get("k") is None
        await put(shelf, fresh("b"))
        assert (shelf.failures, shelf.dropped) == (1, 1)
        shelf._monotonic.now += 2.1
        assert not shelf.is_away and await shelf.get("k") is None and shelf.failures == 2
        shelf._monotonic.now += 2.1
        own.start()
        await put(shelf, fresh("c"))
        assert await shelf.get("c") and not shelf.is_away


async def test_killed_between_put_and_its_sending(shelves, emptied):
    with redis_server() as own:
        shelf = shelves(url=own.url)
        own.kill()
        await put(shelf, *(fresh(str(n)) for n in range(10)))
        assert shelf.is_away and shelf._waiting_bytes == 0 and shelf.failures >= 1


async def test_the_operator_is_answered_while_it_is_away(shelves, emptied):
    with redis_server() as own:
        shelf = shelves(url=own.url)
        own.kill()
        async with asyncio.timeout(10):
            with pytest.raises(TailraceError, match="0 entries were deleted"):
                await shelf.purge(ALL)
            assert (await shelf.totals())["entries"] == 0


def asleep(server):
    """Wait until the server does not answer."""
    with redis.Redis.from_url(server.url, socket_timeout=0.1, retry=None) as client:
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            try:
                client.ping()
            except redis.TimeoutError:
                return
    raise AssertionError("it does not sleep")


async def test_a_server_that_is_slow_costs_little_and_mixes_up_nothing(shelves, emptied, monkeypatch):
    with redis_server() as own:
        shelf = shelves(url=own.url)
        for n in range(20):
            await put(shelf, fresh(str(n), b"%d" % n))
        assert None not in await asyncio.gather(*(shelf.get(str(n)) for n in range(20)))
        sleeping = threading.Thread(target=ask, args=(own, "DEBUG", "SLEEP", "2"))
        sleeping.start()
        await asyncio.to_thread(asleep, own)
        # Connections that were open before are given up in the middle of a command.
        monkeypatch.setattr(ours, "_TIMEOUT_S", 0.25)
        assert set(await asyncio.gather(*(shelf.get(str(n)) for n in range(20)))) == {None}
        assert sleeping.is_alive() and shelf.is_away, "nobody waited for it"
        await asyncio.to_thread(sleeping.join)
        shelf._monotonic.now += 2.1
        monkeypatch.setattr(ours, "_TIMEOUT_S", 10.0)
        for n in range(20):
            assert (await shelf.get(str(n))).body == b"%d" % n


async def test_read_only(shelves, emptied):
    with redis_server() as own:
        shelf = shelves(url=own.url)
        await put(shelf, fresh())
        ask(own, "REPLICAOF", "127.0.0.1", "1")
        await put(shelf, fresh("b"))
        assert shelf.failures == 1 and shelf.is_away
        shelf._monotonic.now += 2.1
        assert await shelf.get("k"), "what is there is still served"
        with pytest.raises(TailraceError, match="Redis does not answer"):
            await shelf.purge(ALL)
        assert shelf.failures == 2


@pytest.mark.parametrize("password", ["", "wrong"])
async def test_a_wrong_password(shelves, emptied, password, caplog):
    with redis_server(password="s3cret-4711") as own:
        url = own.url.replace(":s3cret-4711@", f":{password}@" if password else "")
        shelf = shelves(url=url)
        assert await shelf.get("k") is None and shelf.is_away
        await put(shelf, fresh())
        assert shelf.dropped == 1
        right = shelves(url=own.url)
        await put(right, fresh())
        assert await right.get("k")
    assert "s3cret" not in caplog.text and "wrong" not in caplog.text
    assert len([record for record in caplog.records if "left out" in record.message]) == 1


async def test_full(shelves, emptied):
    with redis_server("--maxmemory", "3mb", "--maxmemory-policy", "noeviction") as own:
        shelf = shelves(url=own.url)
        for number in range(60):
            shelf._away_until = 0.0
            await put(shelf, fresh(str(number), b"x" * 100_000))
        assert shelf.failures
        shelf._away_until = 0.0
        assert await shelf.get("0")


async def test_too_much_on_its_way_is_dropped(shelves):
    shelf = shelves()
    large = fresh(body=b"x" * 10_000_000)
    for number in range(5):
        shelf.put(replace(large, key=str(number)))
    assert shelf.dropped == 2
    await shelf._tasks.drain(30)
    assert shelf._waiting_bytes == 0


def test_an_address_that_is_none():
    with pytest.raises(ValueError):
        RedisShelf("exact_cache", "http://h", Tasks(), Monotonic(), time.time)
