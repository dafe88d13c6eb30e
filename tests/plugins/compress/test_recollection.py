"""A session goes on with the same bytes in another process, and after a restart."""

from dataclasses import replace

import pytest
from compress_kit import SHAPES, Loop, compressor, lent, listing

from tailrace.sessions import Sessions
from tailrace.testing import exchange, run, whole
from tailrace_plugins.compress.kept.store import Store


def process(tmp_path, **settings):
    """A plugin as a process of its own has it: other sessions, the same disk."""
    services = lent()
    services = replace(services, data_dir=tmp_path, sessions=Sessions(services.clock))
    return compressor({"persist": True, **settings}, services)


async def send(made, loop, **headers):
    asked = exchange(loop.payload(), endpoint=SHAPES[loop.shape], headers={"x-tailrace-session": "s", **headers})
    result = await run(made, asked, whole({}))
    assert result.error is None
    return result, result.upstream.got[0].payload["input" if loop.shape == "responses" else "messages"]


@pytest.mark.parametrize("shape", SHAPES)
async def test_after_a_restart_it_goes_on_as_before(tmp_path, shape):
    first, loop = process(tmp_path), Loop(shape)
    await first.start()
    await send(first, loop)
    for number in range(3):
        _, before = await send(first, loop.step(listing(40, number)))
    await first.stop()
    second = process(tmp_path)
    await second.start()
    result, after = await send(second, loop.step(listing(40, 9)))
    assert after[: len(before)] == before and result.facts["edited_pieces"] == 4
    await second.stop()


async def test_two_processes_take_turns(tmp_path):
    processes, loop = [process(tmp_path), process(tmp_path)], Loop("chat")
    for one in processes:
        await one.start()
    _, before = await send(processes[0], loop)
    for turn in range(6):
        result, after = await send(processes[turn % 2], loop.step(listing(40, turn)))
        assert after[: len(before)] == before and result.facts["edited_pieces"] == turn + 1
        before = after
        # The next turn comes after the model's answer; what was decided is on the disk by then.
        store = processes[turn % 2]._recollection._store
        assert store is not None
        await settled(store)
    for one in processes:
        await one.stop()


async def settled(store: Store) -> None:
    import asyncio

    async with asyncio.timeout(10):
        while store.pending_bytes:
            await asyncio.sleep(0.01)


async def test_what_is_not_to_be_stored_is_not(tmp_path):
    first, loop = process(tmp_path), Loop("chat")
    await first.start()
    await send(first, loop)
    await send(first, loop.step(listing(40)), **{"x-tailrace-no-store": "1"})
    await send(first, loop.step(listing(40, 7)))
    await first.stop()
    stored = b"".join(path.read_bytes() for path in (tmp_path / "compress").iterdir())
    assert b"flight 5" not in stored
    second = process(tmp_path)
    await second.start()
    result, _ = await send(second, loop.step(listing(40, 9)))
    assert "unknown-history" in result.facts["refused"]
    await second.stop()


async def test_without_persistence_nothing_is_written(tmp_path):
    made = process(tmp_path, persist=False)
    await made.start()
    await send(made, Loop("chat").step(listing(40)))
    await made.stop()
    assert list(tmp_path.iterdir()) == []
