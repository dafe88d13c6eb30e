import zlib

import pytest
from cache_kit import ENDPOINTS, NOW, chat_answer, entry

from tailrace.cache.entry import Entry, Saved
from tailrace.cache.keeping import Draft, entry_of_stream, entry_of_whole, saved_by, why_not_shared
from tailrace.cache.serving import whole_of
from tailrace.exchange import Reply
from tailrace.prices import PriceTable
from tailrace.streams import Source, Stream
from tailrace.testing import FakeUpstream, chat_chunk, chat_text, events, exchange, whole
from tailrace.wire import jsonio, sse
from tailrace.wire.usage import Usage
from tailrace.wire.watch import StreamWatch

DRAFT = Draft("exact_cache", "k", ("tag",), "why?", 60.0)
SAVED = Saved(1, 2, 0.5, 3.0)


class Opaque(Source):
    async def __anext__(self):
        raise StopAsyncIteration

    async def aclose(self):
        return


async def reply_of(answer, request):
    return await answer(FakeUpstream(answer), request)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (whole(chat_answer()), ""),
        (events(*chat_text("a")), ""),
        (whole(chat_answer(), status=201), "status"),
        (whole({"error": {}}, status=429), "status"),
        (whole(chat_answer(), origin="semantic_cache"), "not-from-upstream"),
        (events(*chat_text("a"), origin="stream"), "not-from-upstream"),
    ],
)
async def test_what_can_be_shared(answer, why):
    request = exchange({"model": "m"})
    reply = await reply_of(answer, request)
    assert why_not_shared(reply, request) == why
    request.trail.fell_back = True
    assert why_not_shared(reply, request) == (why or "fallback")


def test_a_stream_nobody_can_read_is_not_shared():
    assert why_not_shared(Reply(200, {}, stream=Stream(Opaque())), exchange({"model": "m"})) == "opaque"


def test_a_whole_answer():
    body = jsonio.dumps(chat_answer())
    made = entry_of_whole(DRAFT, exchange({"model": "m"}, tenant="t"), Reply(200, {}, body), SAVED, NOW)
    more = {"tags": ("tag",), "question": "why?", "expires": NOW + 60, "saved": SAVED}
    assert made == entry("k", body, tenant="t", **more)


@pytest.mark.parametrize(
    ("body", "why"),
    [(b"{", "not-json"), (b"", "not-json"), (b"[]", "not-json"), (jsonio.dumps(chat_answer("")), "empty")],
)
def test_what_is_no_whole_answer(body, why):
    assert entry_of_whole(DRAFT, exchange({"model": "m"}), Reply(200, {}, body), SAVED, NOW) == why


def watched(frames):
    """Who heard the events."""
    watch = StreamWatch("chat")
    for frame in frames:
        watch.feed(frame)
    return watch


@pytest.mark.parametrize("heard", [None, watched(chat_text("Hel", "lo"))])
def test_a_stream(heard):
    raw = b"".join(chat_text("Hel", "lo"))
    made = entry_of_stream(DRAFT, exchange({"model": "m"}), raw, heard, SAVED, NOW)
    assert isinstance(made, Entry) and zlib.decompress(made.frames) == raw
    told = whole_of(made, "chat")["choices"][0]
    assert (told["message"]["content"], told["finish_reason"]) == ("Hello", "stop")
    assert made.usage is False and made.kind == "chat"


@pytest.mark.parametrize(
    ("frames", "why"),
    [
        ([chat_chunk("a"), sse.DONE], "incomplete"),
        ([chat_chunk("a"), chat_chunk(finish="length"), sse.DONE], "incomplete"),
        ([chat_chunk("a"), chat_chunk(finish="content_filter"), sse.DONE], "incomplete"),
        ([chat_chunk(finish="stop"), sse.DONE], "empty"),
        ([chat_chunk({"refusal": "No."}), chat_chunk(finish="stop"), sse.DONE], "refusal"),
        ([sse.DONE], "empty"),
        ([b'data: {"error": {"message": "x"}}\n\n'], "error"),
        ([chat_chunk("a"), b'data: {"error": {"message": "x"}}\n\n'], "error"),
        ([chat_chunk("a"), chat_chunk("b", index=1), chat_chunk(finish="stop"), sse.DONE], "incomplete"),
    ],
)
def test_a_stream_that_is_no_answer(frames, why):
    for heard in (None, watched(frames)):
        assert entry_of_stream(DRAFT, exchange({"model": "m"}), b"".join(frames), heard, SAVED, NOW) == why


def test_embeddings_have_no_stream():
    request = exchange({"model": "m"}, endpoint=ENDPOINTS["embeddings"])
    assert entry_of_stream(DRAFT, request, b"", None, SAVED, NOW) == "unknown-form"


def test_what_the_call_has_cost():
    request, prices = exchange({"model": "m"}), PriceTable.shipped()
    assert saved_by(request, None, prices, 1003.0) == Saved()
    trail = request.trail
    trail.call_started, trail.provider, trail.model = 1000.0, "openai", "gpt-4o"
    assert saved_by(request, None, prices, 1003.0) == Saved(seconds=3.0)
    saved = saved_by(request, Usage(1_000_000, 0), prices, 1003.0)
    assert (saved.input_tokens, saved.seconds) == (1_000_000, 3.0) and saved.usd == pytest.approx(2.5)
    trail.model = "nobody-knows"
    assert saved_by(request, Usage(5, 6), prices, 999.0) == Saved(5, 6, None, 0.0)


@pytest.mark.parametrize(
    ("frames", "why"),
    [
        ([*chat_text("yes")[:-1], b"event: error\ndata: overloaded\n\n", sse.DONE], "error"),
        ([chat_text("yes")[0], b"data: {broken\n\n", *chat_text("yes")[1:]], "garbled"),
        ([chat_chunk({"reasoning_content": "hmm"}), chat_chunk(finish="stop"), sse.DONE], "empty"),
    ],
)
def test_a_stream_that_only_looks_complete(frames, why):
    for heard in (None, watched(frames)):
        assert entry_of_stream(DRAFT, exchange({"model": "m"}), b"".join(frames), heard, SAVED, NOW) == why
