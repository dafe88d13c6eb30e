"""What lasts longer than a request: the store, the counts, invalidation."""

import pytest
from cache_kit import chat_answer
from redis_kit import redis_server

from tailrace.cache.selector import Selector
from tailrace.clock import SystemClock
from tailrace.testing import exchange, plugin, run, services, virtual_time, whole
from tailrace_plugins.exact_cache.plugin import ExactCachePlugin

ALL = Selector(everything=True)


async def ask(made, text="hi", answer="one", *, headers=None, **more):
    payload = {"model": "m", "messages": [{"role": "user", "content": text}], "temperature": 0, **more}
    return await run(made, exchange(payload, headers=headers), whole(chat_answer(answer)))


def calls(result):
    return len(result.upstream.got)


@virtual_time
async def test_it_announces_itself_for_as_long_as_it_runs(cache, tmp_path):
    lent = services(data_dir=tmp_path)
    made = await cache(lent=lent)
    assert lent.caches.names == ("exact_cache",)
    await made.stop()
    assert lent.caches.names == ()


@virtual_time
async def test_a_file_is_made_only_where_it_is_wanted(cache, tmp_path):
    await cache()
    assert not (tmp_path / "cache").exists()
    lent = services(data_dir=tmp_path)
    await cache(lent=lent, disk=True)
    assert (tmp_path / "cache" / "cache.sqlite").exists()
    await lent.caches.aclose()


async def test_a_restart_keeps_what_was_kept(tmp_path, clock):
    for turn in range(3):
        lent = services(clock=clock, data_dir=tmp_path)
        made = plugin(ExactCachePlugin, {"ttl": 100}, services=lent)
        await made.start()
        result = await ask(made, answer=f"turn {turn}")
        assert (result.text, calls(result)) == ("turn 0", 1 if turn == 0 else 0)
        clock.advance(40)
        await made.stop()
        await lent.caches.aclose()
    lent = services(clock=clock, data_dir=tmp_path)
    made = plugin(ExactCachePlugin, {}, services=lent)
    await made.start()
    assert calls(await ask(made)) == 1, "too old by now"
    await lent.caches.aclose()


async def test_a_folder_that_cannot_be_written_costs_the_file_alone(tmp_path, clock):
    (tmp_path / "cache").write_text("a file stands here")
    made = plugin(ExactCachePlugin, {}, services=services(clock=clock, data_dir=tmp_path))
    await made.start()
    await ask(made)
    assert calls(await ask(made)) == 0 and "disk_evictions" not in await made.statistics()


@virtual_time
async def test_two_instances_during_a_reload_forget_together(cache, tmp_path):
    lent = services(data_dir=tmp_path)
    old, new = await cache(lent=lent), await cache(lent=lent)
    for made in (old, new):
        await ask(made)
    assert await lent.caches.purge(ALL) == {"exact_cache": 2}
    assert calls(await ask(old)) == calls(await ask(new)) == 1


@pytest.mark.parametrize(
    ("parts", "gone"),
    [
        ({"model": "m2"}, "b"),
        ({"model": "m"}, "ac"),
        ({"tag": "red"}, "ab"),
        ({"tag": "Red"}, ""),
        ({"tenant": "tenant"}, "abc"),
        ({"tenant": "other"}, ""),
        ({"question": "*ref?nd*"}, "c"),
        ({"older_than_s": 5}, "a"),
        ({"everything": True}, "abc"),
        ({}, ""),
    ],
)
def test_purge(cache, parts, gone):
    @virtual_time
    async def purged():
        made = await cache()
        asked = {
            "a": {"text": "one", "headers": {"x-tailrace-cache-tags": "red, blue"}},
            "b": {"text": "two", "headers": {"x-tailrace-cache-tags": "red"}, "model": "m2"},
            "c": {"text": "my refund"},
        }
        await ask(made, **asked["a"])
        made.services.clock.advance(10)
        for name in "bc":
            await ask(made, **asked[name])
        assert await made.purge(Selector(**parts)) == len(gone)
        assert "".join([name for name in "abc" if calls(await ask(made, **asked[name]))]) == gone

    purged()


@virtual_time
async def test_purge_by_key(cache):
    made = await cache()
    await ask(made, "one")
    await ask(made, "two")
    [first, _] = made._desk.shelf._memory._entries
    assert await made.purge(Selector(key=first)) == 1
    assert calls(await ask(made, "two")) == 0 and calls(await ask(made, "one")) == 1


@virtual_time
async def test_statistics(cache):
    made = await cache()
    await ask(made)
    await ask(made)
    await ask(made, temperature=1)
    told = await made.statistics()
    assert (told["hits"], told["misses"], told["stored"], told["entries"], told["in_flight"]) == (1, 1, 1, 1, 0)
    assert told["bypasses"] == {"not-deterministic": 1} and told["hit_rate"] == 0.5
    assert told["by_model"] == {"m": {"hits": 1, "misses": 1, "hit_rate": 0.5}}
    assert (told["saved_input_tokens"], told["saved_output_tokens"]) == (10, 5) and told["bytes"] > 500
    assert "advice" not in told


@virtual_time
async def test_advice_when_little_hits_and_entries_are_short_lived(cache):
    made = await cache(ttl=60)
    for number in range(200):
        await ask(made, f"question {number}")
    assert "raise ttl" in (await made.statistics())["advice"]


@virtual_time
async def test_memory_is_bounded(cache):
    made = await cache(memory_bytes=50_000)
    for number in range(200):
        await ask(made, f"question {number}", answer="x" * 500)
    told = await made.statistics()
    assert told["memory_bytes"] <= 50_000 and told["memory_evictions"] == 200 - told["memory_entries"]
    assert calls(await ask(made, "question 199")) == 0 and calls(await ask(made, "question 0")) == 1


async def test_two_processes_share_a_redis(tmp_path):
    with redis_server() as server:
        made = []
        for name in ("one", "two"):
            lent = services(clock=SystemClock(), data_dir=tmp_path / name)
            made.append(plugin(ExactCachePlugin, {"redis": server.url}, services=lent))
            await made[-1].start()
        one, two = made
        assert calls(await ask(one)) == 1
        await one.services.tasks.drain(10)
        assert calls(await ask(two, answer="two")) == 0
        assert (await two.statistics())["entries"] == 1 == await two.purge(ALL)
        assert calls(await ask(one)) == 1
        server.kill()
        assert calls(await ask(one, "another")) == calls(await ask(two, "another")) == 1
        for each in made:
            await each.stop()
    assert not (tmp_path / "one").exists()
