import copy
from dataclasses import replace

import pytest
from compress_kit import PRICE, SHAPES, Loop, Quarter, compressor, lent

from tailrace.plugin import Plugin
from tailrace.prices import PriceTable
from tailrace.testing import ManualClock, exchange, run, whole
from tailrace_plugins.compress import folding
from tailrace_plugins.compress.chain import Edit, links
from tailrace_plugins.compress.folding import length, orphans, text_of, to_prepare, transcript
from tailrace_plugins.compress.history.said import summarised
from tailrace_plugins.compress.memory import Fold, Note
from tailrace_plugins.compress.recall import id_of
from tailrace_plugins.compress.render import rendered
from tailrace_plugins.compress.settings import HistorySettings
from tailrace_plugins.compress.tally import Tally
from tailrace_plugins.compress.work import Conversation

SETTINGS = HistorySettings(enabled=True, limit=10, target=6, keep_turns=2, summary_tokens=50)
COUNT = Quarter().count
COLD_S = 1_000.0
FOUND = "Flight AX-{number} leaves at 07:15 and costs 129 euros. " * 20


def long(shape, turns):
    loop = Loop(shape)
    for number in range(turns):
        loop.step(FOUND.format(number=number))
    return loop


def conversation(loop, notes=None, edits=None):
    chain = links(loop.shape, loop.messages)
    return Conversation(loop.shape, loop.messages, chain, edits or {}, notes or {})


def plan(given, settings=SETTINGS, tally=None, price=PRICE, idle_s=COLD_S):
    return folding.planned(
        given, settings, tally or Tally(requests=1, sent_tokens=6_000, billed_usd=1.0), price, idle_s
    )


def fold(given, made, recalls=False):
    before = copy.deepcopy(list(given.messages))
    done = folding.folded(given, made, SETTINGS, COUNT, recalls=recalls)
    assert given.messages == before
    return done


def last(given):
    return len(given.messages) - 1


def said_of(message):
    content = message["content"]
    return content if isinstance(content, str) else content[0]["text"]


@pytest.mark.parametrize("shape", SHAPES)
def test_nothing_is_planned_below_the_limit(shape):
    assert plan(conversation(long(shape, 4))) is None
    assert plan(conversation(long(shape, 5))) is not None, "11 messages"


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("turns", [5, 7, 12])
def test_what_is_cut_and_what_stands_there_then(shape, turns):
    given = conversation(long(shape, turns))
    made = plan(given)
    assert made.verdict.pays and made.text is None
    first = given.chain.first
    assert made.cut.start == first + 1, "the task stays"
    done = fold(given, made)
    assert (done.offset, done.end) == (1, made.cut.end - first)
    assert summarised(shape, done.message) == made.cut.removed and done.message["role"] == "user"
    assert done.saved > 200 and done.edits == {}
    sent = rendered(shape, given.messages, given.chain, {}, {last(given): Note(fold=done)})
    assert len(sent) == len(given.messages) - made.cut.removed + 1
    assert len(sent) - first <= SETTINGS.target
    assert sent[first + 2 :] == given.messages[made.cut.end :]
    after = replace(given, notes={last(given): Note(fold=done)})
    assert length(given) == len(given.messages) - first and length(after) == len(sent) - first
    assert plan(after) is None, "only what is cut already"


@pytest.mark.parametrize("shape", SHAPES)
def test_a_summary_is_made_of_the_messages_own_words(shape):
    given = conversation(long(shape, 8))
    done = fold(given, plan(given))
    assert "search(friday)" in said_of(done.message) and "left out: lines" not in said_of(done.message)
    assert COUNT(said_of(done.message)) < 3 * SETTINGS.summary_tokens
    assert done == fold(given, plan(given)), "always the same"


@pytest.mark.parametrize("shape", SHAPES)
def test_what_a_summary_stands_for_can_be_asked_for(shape):
    given = conversation(long(shape, 8))
    made = plan(given)
    done = fold(given, made, recalls=True)
    id_ = id_of(given.chain.of[made.cut.end - 1 - given.chain.first], ())
    there = replace(given, notes={last(given): Note(fold=done)})
    record = text_of(there, {}, id_)
    count = record.count("\n") + 1
    assert said_of(done.message).endswith(f"\n\n[... the messages themselves left out: lines 1-{count} of {id_}]")
    assert record == transcript(given, made.cut.start, made.cut.end)
    assert record.startswith('call search: {"day":"friday"}') and FOUND.format(number=0) in record
    assert text_of(there, {}, "k000000") is None and text_of(given, {}, id_) is None


def test_a_text_is_found_by_its_id():
    given = conversation(long("chat", 2))
    edits = {3: (Edit((0,), "cut", 9, 1, (), "k1", "whole one"),), 5: (Edit((0,), "cut", 9, 1, (), "k2", "whole two"),)}
    assert [text_of(given, edits, id_) for id_ in ("k1", "k2", "k3")] == ["whole one", "whole two", None]


def test_a_transcript_names_who_said_what():
    messages = [
        {"role": "user", "content": "Go."},
        {
            "role": "assistant",
            "content": "Well.",
            "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": "{}"}}],
        },
        {"role": "tool", "tool_call_id": "c", "name": "f", "content": "one\ntwo"},
    ]
    given = Conversation("chat", messages, links("chat", messages))
    assert transcript(given, 0, 3) == "user: Go.\nmodel: Well.\ncall f: {}\nresult f: one\ntwo"
    assert transcript(given, 1, 1) == ""


@pytest.mark.parametrize("shape", SHAPES)
def test_a_second_summary_takes_the_place_of_the_first(shape):
    loop = long(shape, 6)
    given = conversation(loop)
    one = fold(given, plan(given))
    notes = {last(given): Note(fold=one)}
    for number in range(6):
        loop.step(FOUND.format(number=100 + number))
    later = conversation(loop, notes)
    assert length(later) > SETTINGS.limit
    made = plan(later)
    two = fold(later, made, recalls=True)
    assert two.offset == one.offset and two.end > one.end
    notes[last(later)] = Note(fold=two)
    sent = rendered(shape, loop.messages, later.chain, {}, notes)
    assert [summarised(shape, message) for message in sent if summarised(shape, message)] == [made.cut.removed]
    assert len(sent) == len(loop.messages) - made.cut.removed + 1
    # What either stands for can be asked for.
    there = replace(later, notes=notes)
    first_id = id_of(later.chain.of[one.end - 1], ())
    assert text_of(there, {}, first_id) == transcript(given, given.chain.first + 1, given.chain.first + one.end)


def test_nothing_more_is_planned_where_no_more_can_go():
    loop = long("chat", 8)
    loop.messages += [{"role": "user", "content": "And?"}] * 12
    # All but the last two turns are summed up already.
    given = conversation(loop, {17: Note(fold=Fold(1, 13, {"role": "user", "content": "x"}))})
    assert length(given) > SETTINGS.limit and plan(given) is None


def test_a_second_summary_saves_what_the_first_saved_and_more():
    loop = long("chat", 6)
    given = conversation(loop)
    one = fold(given, plan(given))
    notes = {last(given): Note(fold=one)}
    for number in range(6):
        loop.step(FOUND.format(number=100 + number))
    later = conversation(loop, notes)
    two = fold(later, plan(later))
    removed = sum(later.chain.sizes[two.offset : two.end]) // 4
    assert two.saved >= one.saved and two.saved == pytest.approx(removed - COUNT(said_of(two.message)), rel=0.2)


def test_a_model_is_asked_before_the_limit_is_reached():
    assert folding.early(SETTINGS) == 8
    asked = [to_prepare(conversation(long("chat", turns)), SETTINGS) for turns in range(6)]
    assert [cut is not None for cut in asked] == [False, False, False, False, True, True]
    assert asked[4] == folding.Cut(2, 6), "9 messages; 6 are left with it"


def test_a_model_is_asked_once_for_each_summary():
    loop = long("chat", 4)
    cut = to_prepare(conversation(loop), SETTINGS)
    prepared = {cut.end - 1: Note(prepared=(cut.start - 1, "In short."))}
    assert to_prepare(conversation(loop, prepared), SETTINGS) is None
    used = {**prepared, 9: Note(fold=Fold(1, cut.end - 1, {"role": "user", "content": "x"}))}
    assert to_prepare(conversation(loop, used), SETTINGS) is None, "it is short again"
    for _ in range(3):
        loop.step("more")
    assert to_prepare(conversation(loop, used), SETTINGS).end > cut.end, "and then long once more"


def test_a_summary_of_a_models_is_preferred():
    loop = long("chat", 4)
    cut = to_prepare(conversation(loop), SETTINGS)
    notes = {cut.end - 1: Note(prepared=(cut.start - 1, "The model's own."))}
    given = conversation(loop.step("more").step("more"), notes)
    made = plan(given)
    assert (made.cut, made.text) == (cut, "The model's own.")
    done = fold(given, made)
    assert said_of(done.message).endswith("\n\nThe model's own.") and (done.offset, done.end) == (
        cut.start - 1,
        cut.end - 1,
    )
    # Once it is used, the next is made of the words that came since.
    there = {**notes, last(given): Note(fold=done)}
    for number in range(4):
        loop.step(FOUND.format(number=number))
    later = plan(conversation(loop, there))
    assert later.text is None and later.cut.end > cut.end


def test_the_budget_is_told_in_words():
    given = conversation(long("chat", 8))
    poor, rich = (Tally(requests=8, sent_tokens=6_000, saved_usd=usd) for usd in (0.0, 1.0))
    refused = plan(given, tally=poor, idle_s=0.0)
    assert not refused.verdict.pays and "only $0.000000 may be lost" in refused.verdict.words
    assert plan(given, tally=rich, idle_s=0.0).verdict.pays
    assert plan(given, tally=poor, idle_s=COLD_S).verdict.pays, "on a cold cache it costs nothing"
    unknown = plan(given, price=None)
    assert not unknown.verdict.pays and "price is not known" in unknown.verdict.words


def test_the_sums_are_of_what_is_sent():
    given = conversation(long("chat", 8))
    made = plan(given)
    standing, size = made.standing, sum(given.chain.sizes[made.cut.start - 1 : made.cut.end - 1])
    assert standing.removed == size // 4 and standing.turns == 8
    behind = sum(given.chain.sizes[made.cut.end - 1 :]) // 4
    assert standing.sent_tokens == 6_000 and standing.position == 6_000 - standing.removed - behind
    edit = Edit((0,), "short", 250, 50, ("minify",))
    fewer = plan(replace(given, edits={3: (edit,)})).standing
    assert fewer.removed == standing.removed - 200, "an edit has saved some already"


def test_orphans_are_what_is_kept_and_refers_to_something():
    plain, refers = Edit((0,), "s", 9, 1, ("minify",)), Edit((0,), "s", 9, 1, ("minify", "repeats"))
    edits = {3: (refers,), 5: (plain,), 9: (plain,), 11: (plain, refers), 13: (refers,)}
    given = conversation(long("chat", 6), edits=edits)
    assert orphans(given, Fold(1, 8, {})) == [11, 13]
    assert orphans(given, Fold(1, 12, {})) == [13] and orphans(given, Fold(1, 13, {})) == []


# Through the plugin.


class Priced(Plugin):
    """Says who answered, as the upstream does."""

    name = "priced"

    async def handle(self, exchange, call_next):
        exchange.trail.provider, exchange.trail.model = "openai", "gpt-4o"
        return await call_next(exchange)


HISTORY = {"enabled": True, "limit": 10, "target": 6, "keep_turns": 2, "summary_tokens": 50}


class Session:
    """A conversation through the real plugin, with a clock of its own."""

    def __init__(self, history=None, tools=(), **settings):
        self.clock = ManualClock()
        services = replace(lent(clock=self.clock), prices=PriceTable.shipped({"gpt-4o": PRICE}))
        made = compressor({"history": {**HISTORY, **(history or {})}, **settings}, services)
        self.services = services
        self.chain = [made, Priced(Priced.Settings(), services)]
        self.loop = Loop("chat", {"tools": list(tools)} if tools else {})
        self.answers = None

    async def ask(self, result=None):
        if result is not None:
            self.loop.step(result)
        usage = {"prompt_tokens": 4_000, "completion_tokens": 1, "prompt_tokens_details": {"cached_tokens": 3_968}}
        before = copy.deepcopy(self.loop.messages)
        given = exchange(self.loop.payload(), clock=self.clock)
        got = await run(self.chain, given, *(self.answers or [whole({"usage": usage})]), clock=self.clock)
        assert got.error is None and self.loop.messages == before
        await self.services.tasks.drain(5.0)
        return got.upstream.got[0].payload["messages"], got.facts


def paired(messages):
    """Whether each call is followed by its result, and each result stands behind its call."""
    open_ = []
    for message in messages:
        if message["role"] == "tool":
            open_.remove(message["tool_call_id"])
        else:
            assert open_ == []
            open_ = [call["id"] for call in message.get("tool_calls", ())]
    return open_ == []


async def test_from_some_turn_on_a_summary_stands_there_and_stays():
    session = Session()
    await session.ask()
    before, starts = [], []
    for number in range(14):
        session.clock.advance(400)
        sent, facts = await session.ask(FOUND.format(number=number))
        assert paired(sent) and sent[:2] == session.loop.messages[:2]
        if any(summarised("chat", message) for message in sent):
            assert facts["folded_messages"] == sum(summarised("chat", message) for message in sent)
            assert len(sent) - 1 <= HISTORY["limit"]
        starts.append(before != [] and sent[: len(before)] != before)
        before = sent
    assert starts.index(True) == 4, "at the sixth request there are 11 messages"
    assert starts.count(True) <= 4 and not any(a and b for a, b in zip(starts, starts[1:], strict=False))


async def test_a_warm_session_that_has_won_nothing_is_left_alone():
    session = Session()
    await session.ask()
    for number in range(8):
        sent, facts = await session.ask(FOUND.format(number=number))
    assert sent == session.loop.messages and "may be lost" in facts["history"]
    session.clock.advance(400)
    sent, facts = await session.ask("more")
    assert facts["history"].startswith("it gains") and facts["net_usd"] > 0 and sent != session.loop.messages


@pytest.mark.parametrize(("session_bytes", "is_used"), [(10_000, False), (100_000, True)])
async def test_without_room_no_summary_is_used(session_bytes, is_used):
    """It would stand there in one turn and not in the next, which is written anew, too."""
    session = Session(session_bytes=session_bytes)
    await session.ask()
    stood = []
    for number in range(7):
        session.clock.advance(400 if number == 4 else 1)
        sent, _ = await session.ask(FOUND.format(number=number))
        stood.append(any(summarised("chat", message) for message in sent))
    assert stood == [False] * 4 + [is_used] * 3


async def test_a_model_that_makes_no_summaries_is_not_asked_for_ever():
    asked = []

    async def provider(upstream, exchange):
        if exchange.payload["model"] == "cheap":
            asked.append(exchange)
            cut_short = {"index": 0, "message": {"role": "assistant", "content": "Task: to"}, "finish_reason": "length"}
            return await whole({"choices": [cut_short]})(upstream, exchange)
        return await whole({})(upstream, exchange)

    session = Session({"model": "cheap", "limit": 12})
    session.answers = [provider]
    await session.ask()
    for number in range(14):
        await session.ask(FOUND.format(number=number))
    assert 1 <= len(asked) <= 3


async def test_a_models_summary_is_used_when_the_time_comes():
    async def provider(upstream, exchange):
        said = "The model's own." if exchange.payload["model"] == "cheap" else "Well."
        choice = {"index": 0, "message": {"role": "assistant", "content": said}, "finish_reason": "stop"}
        return await whole({"choices": [choice]})(upstream, exchange)

    session = Session({"model": "cheap"})
    session.answers = [provider]
    await session.ask()
    for number in range(6):
        session.clock.advance(400)
        sent, _ = await session.ask(FOUND.format(number=number))
    summaries = [message["content"] for message in sent if summarised("chat", message)]
    assert len(summaries) == 1 and summaries[0].endswith("The model's own.") and paired(sent)


async def refolded():
    """A text that first referred to what stood above it, and the turn in which a summary stands there."""
    tables = "\n".join(f"{number}: a row of the table that is looked up again" for number in range(40))
    session = Session({"target": 8, "keep_turns": 3})
    await session.ask()
    for result in (tables, "first", "second", tables):
        session.clock.advance(400)
        sent, _ = await session.ask(result)
    assert sent[3]["content"] == tables and "the same as result 1" in sent[-1]["content"]
    session.clock.advance(400)
    return tables, *await session.ask("third")


async def test_texts_that_referred_to_what_is_gone_are_sent_whole():
    tables, sent, facts = await refolded()
    assert facts["folded_messages"] > 0
    assert [message["content"] for message in sent if message["role"] == "tool"][-2:] == [tables, "third"]


async def test_texts_that_are_sent_whole_again_save_nothing():
    _, _, facts = await refolded()
    assert (facts["tokens_before"], facts["tokens_after"]) == (0, 0)
