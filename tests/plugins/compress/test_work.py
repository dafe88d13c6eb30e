import asyncio
import threading

import pytest
from compress_kit import SHAPES, Loop, Quarter, listing

from tailrace_plugins.compress.chain import Edit, links
from tailrace_plugins.compress.hidden.nouns import Inserted
from tailrace_plugins.compress.locate import locate
from tailrace_plugins.compress.memory import Fold, Note
from tailrace_plugins.compress.passes import ContentsCache, Piece, Switches
from tailrace_plugins.compress.recall import id_of
from tailrace_plugins.compress.work import Conversation, Proposer, Work, shorter

CUTTING = Switches(long_results=True, max_result_chars=400)
PROPOSER = Proposer(CUTTING, 8, 100_000, Quarter().count)
LOG = "\n".join(f"row {number} of the table" for number in range(200))
OTHER = "\n".join(f"{number}: something else altogether" for number in range(60))


async def at_once(look):
    return look()


async def in_thread(look):
    return await asyncio.to_thread(look)


def conversation(loop, edits=None, notes=None):
    return Conversation(loop.shape, loop.messages, links(loop.shape, loop.messages), edits or {}, notes or {})


def work_of(loop, start=0, *, proposer=PROPOSER, lines=None, with_ids=False, **more):
    found = locate(loop.shape, loop.messages, start)
    return Work(conversation(loop, **more), found, proposer, lines, with_ids=with_ids)


async def done(work, within_s=10.0, inline=True):
    await work.run(at_once, within_s, inline=inline)
    return work


@pytest.mark.parametrize(
    ("text", "became"),
    [
        ("data:image/png;base64,AAAA", "media"),
        ("tiny", "too-small"),
        ("x" * 100_001, "too-large"),
        ("\u00e9" * 50_001, "too-large"),
        ("Some words that no pass can make any shorter.", "no-gain"),
        ('{"a":   "' + "x" * 100 + '"}', "too-small"),
    ],
)
def test_a_text_that_is_not_edited_has_a_reason(text, became):
    assert PROPOSER.propose(Piece("tool", text, "search"), (0,)) == became


def test_an_edit_says_what_it_saves():
    made = PROPOSER.propose(Piece("tool", listing(), "search"), (1,))
    assert isinstance(made, Edit) and made.path == (1,) and made.saved == made.before - made.after > 8
    assert (made.before, made.after) == (-(-len(listing()) // 4), -(-len(made.text) // 4))
    assert (made.id, made.whole) == ("", ""), "nothing was left out"


def test_a_defect_of_a_pass_is_told(caplog):
    def count(text):
        raise RuntimeError(text)

    broken = Proposer(CUTTING, 8, 100_000, count)
    assert broken.propose(Piece("tool", LOG, "search"), (0,)) == "failed"
    assert "row 1" not in caplog.text and "RuntimeError" in caplog.text


@pytest.mark.parametrize("shape", SHAPES)
async def test_with_ids_what_was_left_out_can_be_asked_for(shape):
    loop = Loop(shape).step(LOG, listing())
    work = await done(work_of(loop, with_ids=True))
    (index, decision), *others = work.made.items()
    cut, *rest = [*decision, *(edit for _, made in others for edit in made)]
    chain = links(shape, loop.messages)
    assert cut.id == id_of(chain.of[index - chain.first], cut.path) and f" of {cut.id}]" in cut.text
    assert cut.whole == LOG and len(cut.text) < 600
    assert [(edit.id, edit.whole) for edit in rest] == [("", "")], "of this nothing was"


@pytest.mark.parametrize("shape", SHAPES)
async def test_without_ids_nothing_can_be_asked_for(shape):
    work = await done(work_of(Loop(shape).step(LOG)))
    (decision,) = work.made.values()
    assert (decision[0].id, decision[0].whole) == ("", "") and " left out]" in decision[0].text


async def test_ids_are_by_message_and_place():
    loop = Loop("messages").step(LOG, LOG).step(LOG)
    work = await done(work_of(loop, with_ids=True))
    ids = [edit.id for decision in work.made.values() for edit in decision]
    assert len(set(ids)) == 3
    again = await done(work_of(loop, with_ids=True))
    assert again.made == work.made


async def test_what_was_made_and_what_was_not_is_counted():
    work = await done(work_of(Loop("chat").step(LOG, "tiny", listing()).step("no")))
    assert sorted(work.made) == [3, 5] and work.refused == ["too-small", "too-small"]
    cut = len(LOG) + len(listing()) - sum(len(edit.text) for made in work.made.values() for edit in made)
    assert work.shorter == shorter(work.made) == cut > 0
    work.drop("short-prompt")
    assert (work.made, work.shorter) == ({}, 0) and work.refused == ["too-small"] * 2 + ["short-prompt"] * 2


async def test_refusing_all_looks_at_none():
    work = work_of(Loop("chat").step(LOG, "a", "b"))
    assert work.chars == len(LOG) + 2
    work.refuse_all("over-budget")
    assert not await work.run(at_once, 10.0, inline=True)
    assert (work.found, work.made, work.refused, work.chars) == ({}, {}, ["over-budget"] * 3, 0)


# Texts refer to what stands above them.


def above(loop, start, **more):
    return work_of(
        loop, start, lines=ContentsCache(1 << 20), proposer=Proposer(Switches(), 8, 100_000, Quarter().count), **more
    )


@pytest.mark.parametrize("shape", SHAPES)
async def test_a_text_refers_to_what_stands_above_it(shape):
    loop = Loop(shape).step(OTHER)
    start = len(loop.messages)
    work = await done(above(loop.step(OTHER), start))
    (decision,) = work.made.values()
    assert decision[0].passes == ("repeats",) and "result 1 (search" in decision[0].text


async def test_two_new_texts_of_one_request():
    work = await done(above(Loop("chat").step(OTHER, OTHER), 0))
    assert list(work.made) == [4] and work.refused == ["no-gain"], "the first stands in a message above the second"


async def test_without_memory_of_lines_nothing_refers_to_anything():
    loop = Loop("chat").step(OTHER).step(OTHER)
    work = await done(work_of(loop, 4, proposer=Proposer(Switches(), 8, 100_000, Quarter().count)))
    assert work.made == {} and work.refused == ["no-gain"]


async def test_a_text_refers_to_what_is_sent_above_it_and_not_to_what_the_client_has():
    loop = Loop("chat").step(OTHER).step(OTHER)
    short = {3: (Edit((0,), "short", 100, 10, ("long_results",)),)}
    assert (await done(above(loop, 4, edits=short))).made == {}, "that is not sent"
    fold = Fold(1, 3, {"role": "user", "content": "In short."})
    assert (await done(above(loop, 4, notes={5: Note(fold=fold)}))).made == {}, "a summary stands there"


async def test_a_new_text_does_not_refer_to_what_was_just_left_out_above_it():
    work = await done(work_of(Loop("chat").step(LOG, LOG), lines=ContentsCache(1 << 20)))
    assert "left out]" in work.made[3][0].text and "long_results" in work.made[4][0].passes


async def test_a_text_refers_to_what_the_model_was_given_behind_the_clients_back():
    loop = Loop("chat").step("short").step(OTHER)
    call = {"id": "r", "type": "function", "function": {"name": "tailrace_recall", "arguments": "{}"}}
    turns = ({"role": "assistant", "content": None, "tool_calls": [call]},
             {"role": "tool", "tool_call_id": "r", "content": OTHER})  # fmt: skip
    work = await done(above(loop, 4, notes={3: Note(inserted=Inserted(turns))}))
    assert "tailrace_recall" in work.made[5][0].text


# How long it takes.


async def test_a_timeout_refuses_all():
    go_on, ended = threading.Event(), threading.Event()

    def count(text):
        go_on.wait(10)
        return Quarter().count(text)

    work = work_of(Loop("chat").step(LOG, LOG).step(LOG), proposer=Proposer(CUTTING, 8, 100_000, count))

    async def slowly(look):
        def looking():
            looked.extend(look())
            ended.set()

        await asyncio.to_thread(looking)
        return looked

    looked = []
    asyncio.get_running_loop().call_later(0.05, go_on.set)
    in_time = await work.run(slowly, 0.02, inline=False)
    assert not in_time
    assert (work.made, work.found) == ({}, {}) and work.refused == ["too-slow"] * 3
    go_on.set()
    assert await asyncio.to_thread(ended.wait, 10)
    assert len(looked) == 1 and work.made == {}, "the thread gives up, and nobody takes what it made"


@pytest.mark.parametrize(
    ("text", "inline", "is_thread"), [(LOG, True, False), (LOG, False, True), (LOG * 3, True, True)]
)
async def test_much_text_goes_to_a_thread(text, inline, is_thread):
    went = []

    async def where(look):
        went.append(True)
        return look()

    assert await work_of(Loop("chat").step(text)).run(where, 10.0, inline=inline)
    assert bool(went) is is_thread


async def test_a_thread_makes_the_same():
    loop = Loop("chat").step(LOG, listing()).step(LOG * 3)
    one, two = work_of(loop, with_ids=True), work_of(loop, with_ids=True)
    assert await one.run(in_thread, 10.0, inline=False) and await two.run(at_once, 10.0, inline=True)
    assert one.made == two.made and one.refused == two.refused
