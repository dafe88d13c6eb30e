"""Real processes on one folder: read, written at the same time, killed."""

import os
import re
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from kept_kit import QUICK, contents, link, noted, same, turn

from tailrace_plugins.compress.kept.store import Store
from tailrace_plugins.compress.memory import Note

KIT = Path(__file__).with_name("kept_kit.py")


def start(*words):
    return subprocess.Popen([sys.executable, str(KIT), *map(str, words)], stdout=subprocess.PIPE, text=True)


async def test_a_second_process_reads_what_the_first_wrote(tmp_path):
    store = Store(tmp_path, QUICK)
    store.keep("s", None, turn(None, 200, "s"))
    with start("load", tmp_path, "s") as other:
        assert other.stdout.read().split() == ["200", "1"] and other.wait() == 0
    # And what comes while it waits for it.
    with start("load", tmp_path, "t") as other:
        store.keep("t", None, turn(None, 20, "t"))
        assert other.stdout.read().split() == ["20", "1"] and other.wait() == 0
    await store.aclose()


async def test_processes_that_write_at_the_same_time(tmp_path):
    others = [start("many", tmp_path, f"p{number}") for number in range(4)]
    for other in others:
        assert other.stdout.read().split() == ["0"] and other.wait() == 0
        other.stdout.close()
    store = Store(tmp_path, QUICK)
    for number in range(4):
        for session in range(1, 101):
            name = f"p{number}-{session}"
            assert same(await store.load(name), turn(None, 5, name))
    shared = await store.load("shared")
    decided, _, followed = contents(shared)
    assert decided.keys() == {link("shared", number) for number in range(200)}
    assert followed == {link("shared", number) for number in range(-1, 199)}
    # Each as one of the four has decided it.
    assert {edit.text.split()[0] for decision in decided.values() for edit in decision} <= {"p0", "p1", "p2", "p3"}
    await store.aclose()


@pytest.mark.parametrize("round_", range(5))
async def test_killed_while_it_writes(tmp_path, round_):
    sure = {}
    for _ in range(2):
        with start("keep", tmp_path) as writer:
            for _ in range(3 + 2 * round_):
                name, count = writer.stdout.readline().split()
                sure[name] = max(sure.get(name, 0), int(count))
            os.kill(writer.pid, signal.SIGKILL)
    with closing(sqlite3.connect(tmp_path / "decisions.sqlite")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    store = Store(tmp_path, QUICK)
    for number in range(5):
        name = f"s{number}"
        loaded = await store.load(name)
        count = loaded.so_far(chain_of(name)) if loaded else 0
        assert count >= sure.get(name, 0), "what another process has seen is there"
        expected = None
        for step in range(2, count + 1, 2):
            expected = noted(turn(expected, step, name, text=name * 200), step - 1, Note(adopts=True), name)
        assert same(loaded, expected), "a state that it has had, without a gap"
        more = turn(loaded, count + 2, name)
        store.keep(name, loaded, more)
        assert same(await store.load(name), more)
    await store.aclose()
    assert not [one for one in tmp_path.iterdir() if re.search("aside|damaged", one.name)]


def chain_of(name):
    from kept_kit import chain

    return chain(10_000, name)


def test_the_end_of_a_process_is_not_held_up(tmp_path):
    """A store that nobody closes."""
    code = (
        "import asyncio, sys\nfrom pathlib import Path\nfrom tailrace_plugins.compress.kept.store import Store\n"
        "async def main():\n    store = Store(Path(sys.argv[1]))\n    await store.load('s')\nasyncio.run(main())\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], timeout=30, capture_output=True, text=True)
    assert done.returncode == 0 and not done.stderr
