import pytest

from tailrace.errors import BadRequest, StreamCut
from tailrace.exchange import Reply
from tailrace.plugin import Plugin
from tailrace.testing import chat_chunk, chat_text, events, exchange, failing, hanging, plugin, run, virtual_time, whole
from tailrace.wire.endpoints import COMPLETIONS, MESSAGES, RESPONSES

ASKED = {"model": "m", "stream": True}


class Watching(Plugin):
    name = "watching"

    async def handle(self, exchange, call_next):
        exchange.note("seen", 1)
        exchange.on_end(lambda outcome: exchange.note("state", outcome.state))
        return (await call_next(exchange)).tap(lambda event: exchange.note("heard", True))


@virtual_time
async def test_a_whole_answer():
    body = {"choices": [{"message": {"content": "hi"}}], "usage": {"prompt_tokens": 1, "completion_tokens": 2}}
    result = await run(plugin(Watching), exchange({"model": "m"}), whole(body))
    assert (result.status, result.answer, result.text) == (200, body, "hi")
    assert result.facts == {"seen": 1, "state": "complete", "heard": True}
    assert result.outcome.usage.output_tokens == 2


@virtual_time
async def test_a_stream_with_its_times():
    result = await run(plugin(Watching), exchange(ASKED), events(chat_text("a")[0], 2.0, *chat_text("a")[1:]))
    assert result.body == b"".join(chat_text("a"))
    assert result.times[0] == 0
    assert result.times[1:] == pytest.approx([2, 2, 2])
    assert result.events[-1].is_done
    assert result.upstream.all_closed
    assert result.outcome.finish_reasons == ("stop",)


@virtual_time
async def test_errors_are_results():
    result = await run(plugin(Watching), exchange(ASKED), failing(BadRequest("no")))
    assert (result.status, result.reply, result.action) == (400, None, "stood-aside")
    assert isinstance(result.error, BadRequest)
    broken = await run([plugin(Watching)], exchange(ASKED), events(chat_chunk("a"), StreamCut("cut")))
    assert isinstance(broken.broke, StreamCut)
    assert broken.events[-1].json["error"]["code"] == "upstream_cut"
    assert broken.facts["state"] == "failed"
    assert broken.text == "a"


@virtual_time
async def test_a_client_that_leaves():
    early = await run(plugin(Watching), exchange(ASKED), hanging(), leaves_after_s=4)
    assert (early.left, early.status, early.upstream.cancelled, early.facts["state"]) == (True, 0, 1, "client_left")
    late = await run(plugin(Watching), exchange(ASKED), events(*chat_text(*"abc")), leaves_after_pieces=2)
    assert (late.left, late.pieces, late.upstream.all_closed) == (True, chat_text(*"abc")[:2], True)
    slow = await run(plugin(Watching), exchange(ASKED), events(chat_chunk("a"), 9.0), leaves_after_s=5)
    assert (slow.left, slow.pieces, slow.upstream.all_closed) == (True, [chat_chunk("a")], True)


@virtual_time
async def test_a_request_that_never_ends_fails_its_test():
    with pytest.raises(AssertionError, match="did not end"):
        await run(plugin(Watching), exchange(ASKED), hanging())


class Answering(Plugin):
    name = "answering"

    async def handle(self, exchange, call_next):
        return Reply(200, {}, b"{}", origin=self.name)


@virtual_time
async def test_several_plugins():
    result = await run([plugin(Watching), plugin(Answering)], exchange(ASKED), hanging())
    assert result.header == "watching=acted, answering=answered"
    assert result.upstream.got == []


@pytest.mark.parametrize(
    ("endpoint", "body"),
    [
        (COMPLETIONS, {"choices": [{"text": "hi"}]}),
        (RESPONSES, {"output": [{"content": [{"type": "output_text", "text": "hi"}]}]}),
        (MESSAGES, {"content": [{"type": "text", "text": "hi"}]}),
    ],
)
def test_texts(endpoint, body):
    @virtual_time
    async def ask():
        return await run(plugin(Watching), exchange({"model": "m"}, endpoint=endpoint), whole(body))

    assert ask().text == "hi"
