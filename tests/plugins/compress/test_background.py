import asyncio
from dataclasses import replace

import pytest
from compress_kit import Loop, lent

from tailrace.errors import StreamCut, UpstreamError
from tailrace.prices import Price, PriceTable
from tailrace.testing import FakeUpstream, chat_text, events, exchange, failing, whole
from tailrace.wire.endpoints import CHAT, MESSAGES
from tailrace_plugins.compress.background import Summaries
from tailrace_plugins.compress.chain import links
from tailrace_plugins.compress.history.cut import Cut
from tailrace_plugins.compress.history.request import summary_request
from tailrace_plugins.compress.settings import HistorySettings
from tailrace_plugins.compress.work import Conversation

LOOP = Loop("messages").step("found").step("more")
CONVERSATION = Conversation("messages", LOOP.messages, links("messages", LOOP.messages))
CUT = Cut(1, 3)
SETTINGS = HistorySettings(enabled=True, model="cheap", summary_tokens=100)
USAGE = {"prompt_tokens": 1_000_000, "completion_tokens": 0, "total_tokens": 1_000_000}


def says(content, finish="stop", status=200):
    choice = {"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": finish}
    return whole({"choices": [choice], "usage": USAGE}, status=status)


class Asking:
    """Summaries, the provider that they ask, and what was told."""

    def __init__(self, *answers, settings=SETTINGS):
        self.services = replace(lent(), prices=PriceTable({"cheap": Price(0.5, 1.0)}))
        self.made = Summaries(settings, self.services)
        self.upstream = FakeUpstream(*answers)
        self.told = []

    async def _next(self, asked):
        asked.trail.provider, asked.trail.model = "p", asked.payload["model"]
        return await self.upstream(asked)

    def prepare(self, session="s"):
        given = exchange({**LOOP.payload(), "stream": True}, endpoint=MESSAGES)
        self.made.prepare(
            session, given, self._next, CONVERSATION, CUT, lambda *told: self.told.append((session, *told))
        )
        return given

    async def drain(self):
        await self.services.tasks.drain(10.0)
        assert len(self.services.tasks) == 0
        return self.told


async def test_a_model_is_asked_for_what_is_cut_and_the_summary_and_its_price_are_told():
    asking = Asking(says(" In short. "))
    given = asking.prepare()
    assert asking.told == [], "nobody waits for it"
    assert await asking.drain() == [("s", "In short.", 0.5)] and asking.made.failed == 0
    (asked,) = asking.upstream.got
    assert asked.payload == summary_request("messages", LOOP.messages[1:3], "cheap", 100)
    assert asked.endpoint == CHAT and asked.request.path == CHAT.route, "whatever the client speaks"
    assert asked.raw is None and asked.body().startswith(b'{"model":"cheap"')
    assert asked.trail is not given.trail and given.trail.provider == "", "it is no part of the client's request"
    assert asked.trail.trace.trace_id == given.trail.trace.trace_id and not asked.trail.trace.sampled
    assert asked.tenant == given.tenant


async def test_one_at_a_time_for_each_session():
    asking = Asking(says("one"), says("two"))
    for session in ("s", "s", "t", "s"):
        asking.prepare(session)
    assert [session for session, *_ in await asking.drain()] == ["s", "t"]
    asking.prepare()
    assert len(await asking.drain()) == 3, "once it is there, the next may be asked for"


async def test_at_most_eight_in_all():
    asking = Asking(says("one"))
    for number in range(20):
        asking.prepare(f"s{number}")
    assert [session for session, *_ in await asking.drain()] == [f"s{number}" for number in range(8)]
    asking.prepare("s19")
    assert (await asking.drain())[-1][0] == "s19"


async def test_without_a_model_nobody_is_asked():
    asking = Asking(says("one"), settings=HistorySettings(enabled=True))
    asking.prepare()
    assert await asking.drain() == [] and asking.upstream.got == []


@pytest.mark.parametrize("error", [UpstreamError("down"), StreamCut("cut")])
async def test_a_model_that_fails_is_counted_and_may_be_asked_again(error, caplog):
    asking = Asking(failing(error), says("In short."))
    asking.prepare()
    assert await asking.drain() == [] and asking.made.failed == 1
    assert "the model for summaries failed" in caplog.text
    asking.prepare()
    assert await asking.drain() == [("s", "In short.", 0.5)]


async def test_a_defect_frees_the_session(caplog):
    asking = Asking(failing(RuntimeError("a defect")), says("In short."))
    asking.prepare()
    assert await asking.drain() == [] and "compress-summary" in caplog.text
    asking.prepare()
    assert len(await asking.drain()) == 1


@pytest.mark.parametrize(
    "answer", [says("cut o", "length"), says(""), says("<think>hm"), says("sorry", status=400), says(None)]
)
async def test_an_answer_that_cannot_be_used_is_billed_all_the_same(answer, caplog):
    asking = Asking(answer)
    asking.prepare()
    assert await asking.drain() == [("s", None, 0.5)] and asking.made.failed == 1
    assert "no summary that can be used" in caplog.text and "sorry" not in caplog.text


@pytest.mark.parametrize("body", [b"", b"nonsense", b"[1]", b'{"choices":[]}'])
async def test_an_answer_that_is_none(body):
    asking = Asking(whole(body))
    asking.prepare()
    assert await asking.drain() == [("s", None, 0.0)] and asking.made.failed == 1


async def test_a_model_whose_price_is_not_known_costs_nothing():
    asking = Asking(says("In short."), settings=replace_model("unknown"))
    asking.prepare()
    assert await asking.drain() == [("s", "In short.", 0.0)]


def replace_model(model):
    return SETTINGS.model_copy(update={"model": model})


async def test_a_stream_that_nobody_asked_for_is_closed():
    asking = Asking(events(*chat_text("In ", "short.")))
    asking.prepare()
    assert await asking.drain() == [("s", None, 0.0)]
    assert asking.upstream.all_closed and len(asking.upstream.sources) == 1


async def test_at_shutdown_it_is_let_go_of():
    asking = Asking(whole({}, after_s=3_600))
    asking.prepare()
    await asyncio.sleep(0)
    await asking.services.tasks.drain(0.01)
    assert asking.told == [] and len(asking.services.tasks) == 0 and asking.upstream.cancelled == 1
    asking.upstream._answers = (says("In short."),)
    asking.prepare()
    assert len(await asking.drain()) == 1, "the session is free again"
