import asyncio
import stat

import pytest

from tailrace.tasks import Tasks
from tailrace.testing import chat_text, events, exchange, whole
from tailrace.wire import jsonio
from tailrace_plugins.router.cascade.pairs import NAME, OLDER, Pairs, read_pairs, row_of
from tailrace_plugins.router.cascade.reading import Answer

KEEPS = {"keep_pairs": True}


def rows(kit):
    return list(read_pairs(kit.folder / "router"))


def cheap_and_strong(kit):
    return [
        (row["accepted"], row["cheap"] and row["cheap"]["content"], row["strong"] and row["strong"]["content"])
        for row in rows(kit)
    ]


async def test_whole_answers_are_kept(kit):
    await kit.ask({"temperature": 0.5, "user": "u"}, whole(kit.body("Good.")), cascade=KEEPS)
    await kit.ask({}, whole(kit.body("I don't know.")), whole(kit.body("Better.")), cascade=KEEPS)
    assert cheap_and_strong(kit) == [(True, "Good.", None), (False, "I don't know.", "Better.")]
    row = rows(kit)[0]
    assert row["request"] == {"messages": [{"role": "user", "content": "Why?"}]}, "and nothing that names a person"
    assert (row["tenant"], row["shape"], row["model_cheap"], row["model_strong"]) == ("tenant", "chat", "small", "big")
    assert row["at"].endswith("+00:00") and row["session"] and row["confidence"] == 0.8
    assert stat.S_IMODE((kit.folder / "router" / NAME).stat().st_mode) == 0o600


async def test_streams_are_kept_when_the_client_has_them(kit):
    wants = {"stream": True}
    frames = chat_text(*kit.words(60))
    result, _ = await kit.ask(wants, events(*frames), cascade=KEEPS)
    assert result.pieces == frames, "listening alters nothing"
    await kit.ask(wants, events(*chat_text("I don't know.")), events(*chat_text("Better.")), cascade=KEEPS)
    await kit.ask(wants, events(*kit.likely(*kit.words(80), probability=0.1)), events(*frames), cascade=KEEPS)
    text = "".join(kit.words(60))
    assert cheap_and_strong(kit) == [(True, text, None), (False, "I don't know.", "Better."), (False, None, text)]


async def test_what_is_never_kept(kit):
    frames = chat_text(*kit.words(60))
    await kit.ask({}, whole(kit.body("Good.")), cascade=KEEPS, headers={"x-tailrace-no-store": "1"})
    await kit.ask({}, whole(kit.body("Good.")))
    await kit.ask({"stream": True}, events(*frames), cascade=KEEPS, leaves_after_pieces=55)
    await kit.ask({"stream": True}, events(*frames[:55]), cascade=KEEPS)
    await kit.ask({"max_tokens": 3}, whole(kit.body("Cut", finish="length")), cascade=KEEPS)
    await kit.ask({}, whole(kit.body("I don't know.")), whole(kit.body("", finish="content_filter")), cascade=KEEPS)
    assert rows(kit) == []


def row(text="x"):
    return row_of(
        exchange({"model": "m", "messages": []}),
        at_s=0,
        models=("a", "b"),
        confidence=1,
        cheap=Answer(text),
        strong=None,
    )


async def keep(pairs, tasks, *given):
    for one in given:
        pairs.keep(one)
        await tasks.drain(5)


async def test_a_half_written_line_costs_only_itself(tmp_path):
    tasks = Tasks()
    pairs = Pairs(tmp_path, 1 << 20, tasks)
    await keep(pairs, tasks, row("one"))
    with (tmp_path / NAME).open("ab") as file:
        file.write(b'{"request": {"mess')
    await keep(pairs, tasks, row("two"))
    found = list(read_pairs(tmp_path))
    assert [one and one["cheap"]["content"] for one in found] == ["one", None, "two"]
    (tmp_path / NAME).write_bytes(b"[]\n{}\nnonsense\n\n\xff\xfe\n")
    assert list(read_pairs(tmp_path)) == [None] * 4


async def test_the_files_are_bounded(tmp_path):
    tasks = Tasks()
    pairs = Pairs(tmp_path, 10_000, tasks)
    await keep(pairs, tasks, *(row(f"{number:04} " + "x" * 500) for number in range(60)))
    sizes = [(tmp_path / name).stat().st_size for name in (NAME, OLDER)]
    assert sum(sizes) <= 10_000 and pairs.kept == 60
    kept = [int(one["cheap"]["content"][:4]) for one in read_pairs(tmp_path)]
    assert kept == list(range(kept[0], 60)) and len(kept) > 5, "the newest, in order"


async def test_what_cannot_be_written_is_counted(tmp_path, caplog):
    tasks = Tasks()
    pairs = Pairs(tmp_path, 1000, tasks)
    await keep(pairs, tasks, row("x" * 2000), {"request": object()})
    (tmp_path / "file").touch()
    nowhere = Pairs(tmp_path / "file", 1000, tasks)
    await keep(nowhere, tasks, row())
    assert (pairs.kept, pairs.failed, nowhere.failed) == (0, 2, 1) and not (tmp_path / NAME).exists()
    assert "could not be kept" in caplog.text and "xxx" not in caplog.text


async def test_no_more_wait_for_the_disk_than_a_few(tmp_path):
    tasks = Tasks()
    pairs = Pairs(tmp_path, 1 << 20, tasks)
    for _ in range(100):
        pairs.keep(row())
    assert pairs.failed == 36
    await asyncio.sleep(0)
    await tasks.drain(10)
    assert len(list(read_pairs(tmp_path))) == pairs.kept == 64


def test_a_row_is_one_line(tmp_path):
    assert b"\n" not in jsonio.dumps(row("a\nb"))


def test_nothing_kept_is_nothing_read(tmp_path):
    with pytest.raises(StopIteration):
        next(read_pairs(tmp_path / "absent"))
