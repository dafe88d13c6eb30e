from dataclasses import replace

import pytest
from compress_kit import PRICE, SHAPES, Loop, Quarter, compressor, lent, listing, minified, send, sent

from tailrace.errors import UpstreamError
from tailrace.plugin import Plugin
from tailrace.prices import PriceTable
from tailrace.testing import exchange, failing, run, whole
from tailrace.wire import jsonio
from tailrace.wire.endpoints import CHAT, COMPLETIONS, EMBEDDINGS
from tailrace_plugins.compress import plugin as entry
from tailrace_plugins.compress import work as module
from tailrace_plugins.compress.passes import Result

SHORT = jsonio.dumps(jsonio.loads(listing())).decode()


@pytest.fixture(autouse=True)
def one_pass(monkeypatch):
    monkeypatch.setattr(module, "compress", minified)


async def begun(shape="chat", settings=None, services=None, **more):
    """A plugin that has seen the conversation's first request."""
    made, loop = compressor(settings, services), Loop(shape, **more)
    await made.start()
    result = await send(made, loop)
    assert (result.action, result.label) == ("stood-aside", "nothing-new")
    return made, loop


@pytest.mark.parametrize("shape", SHAPES)
async def test_a_new_tool_result_is_made_smaller(shape):
    made, loop = await begun(shape)
    result = await send(made, loop.step(listing(), "plain words"))
    assert (result.action, result.label) == ("acted", "compressed")
    assert loop.results(sent(result)) == [SHORT, "plain words"]
    assert loop.results() == [listing(), "plain words"], "the client's is as it was"
    before, after = -(-len(listing()) // 4), -(-len(SHORT) // 4)
    assert result.facts == {
        "tokens_before": before,
        "tokens_after": after,
        "saved_tokens": before - after,
        "new_pieces": 2,
        "edited_pieces": 1,
        "passes": "minify:1",
        "refused": "no-gain:1",
        "compress.saved_input_tokens": before - after,
        "session_requests": 2,
        "session_saved_usd": 0.0,
        "session_billed_usd": 0.0,
    }


@pytest.mark.parametrize("shape", SHAPES)
async def test_nothing_to_gain_sends_the_clients_own_bytes(shape):
    made, loop = await begun(shape)
    loop.step("plain words")
    raw = b"  " + jsonio.dumps(loop.payload()) + b"\n"
    result = await send(made, loop, raw=raw)
    assert (result.action, result.label) == ("stood-aside", "nothing-to-gain")
    assert result.upstream.got[0].body() == raw and result.upstream.got[0].raw is raw


async def test_every_refusal_has_its_word():
    made, loop = await begun("chat", {"max_piece_bytes": 2_000, "min_saved_tokens": 20})
    data = "data:image/png;base64," + "A" * 100
    slightly = '{"a":  "' + "x" * 100 + '"}'
    result = await send(made, loop.step("tiny", "no json in here at all", listing(60), "é" * 1_500, data, slightly))
    told = dict(word.split(":") for word in result.facts["refused"].split(","))
    assert told == {"too-small": "2", "no-gain": "1", "too-large": "2", "media": "1"}
    assert result.label == "nothing-to-gain" and result.facts["new_pieces"] == 6


async def test_unknown_fields_survive():
    made, loop = await begun("chat", more={"metadata": {"a": 1}, "tools": [], "vendor": {"b": [1.5, None]}})
    loop.step(listing())
    loop.messages[-1]["vendor"] = {"c": 1}
    got = (await send(made, loop)).upstream.got[0].payload
    assert {**got, "messages": None} == {**loop.payload(), "messages": None}
    assert list(got) == list(loop.payload())
    assert got["messages"][-1] == {**loop.messages[-1], "content": SHORT}
    assert got["messages"][:-1] == loop.messages[:-1]


async def test_skipped_when_the_client_says_so():
    made, loop = await begun()
    loop.step(listing())
    result = await send(made, loop, skip=["compress"])
    assert result.action == "skipped" and loop.results(sent(result)) == [listing()]


async def test_a_pass_that_fails_lets_the_request_through(monkeypatch):
    made, loop = await begun()
    await send(made, loop.step(listing()))

    def broken(piece, switches, count, earlier=()):
        raise RuntimeError("defect")

    monkeypatch.setattr(module, "compress", broken)
    result = await send(made, loop.step(listing(7)))
    assert loop.results(sent(result)) == [SHORT, listing(7)], "what was edited before is still replayed"
    assert result.facts["refused"] == "failed:1" and result.action == "acted"
    monkeypatch.setattr(module, "compress", minified)
    assert loop.results(sent(await send(made, loop)))[1] == listing(7), "and what was sent so stays so"


async def test_passes_that_take_too_long_are_given_up(monkeypatch):
    import threading

    go_on = threading.Event()

    def slow(piece, switches, count, earlier=()):
        go_on.wait(5)
        return minified(piece, switches, count, earlier=())

    made, loop = await begun("chat", {"deadline_s": 0.1})
    await send(made, loop.step(listing()))
    monkeypatch.setattr(module, "compress", slow)
    try:
        result = await send(made, loop.step(listing(200), listing(200)))
    finally:
        go_on.set()
    assert result.facts["refused"] == "too-slow:2"
    assert loop.results(sent(result)) == [SHORT, listing(200), listing(200)]


async def test_big_texts_are_looked_at_in_a_thread(monkeypatch):
    import threading

    seen = []

    def where(piece, switches, count, earlier=()):
        seen.append(threading.current_thread() is threading.main_thread())
        return minified(piece, switches, count, earlier=())

    made, loop = await begun()
    monkeypatch.setattr(module, "compress", where)
    for rows in (6, 6, 1_000):
        result = await send(made, loop.step(listing(rows)))
    # The first one has the vocabulary loaded beside it.
    assert seen == [False, True, False] and result.facts["edited_pieces"] == 3


@pytest.mark.parametrize("is_rewritten", [False, True])
async def test_a_long_history_is_hashed_in_a_thread(monkeypatch, is_rewritten):
    import threading

    seen, links = [], entry.links

    def where(shape, messages):
        seen.append(threading.current_thread() is threading.main_thread())
        return links(shape, messages)

    monkeypatch.setattr(entry, "links", where)
    made, loop = compressor(), Loop("messages")
    for size in (200_000, 100_000):
        given = exchange(loop.step("x" * size).payload(), endpoint=SHAPES["messages"])
        await run(made, given.rewrite({"user": "me"}) if is_rewritten else given, whole({}))
    assert seen == [True, False]


async def test_a_vocabulary_is_loaded_in_a_thread(monkeypatch):
    import threading

    class Where(Quarter):
        def count(self, text, model=""):
            threads.append(threading.current_thread() is threading.main_thread())
            return super().count(text, model)

    threads = []
    made, loop = await begun(services=replace(lent(), tokens=Where()))
    loop.more["model"] = "gpt-4"
    await send(made, loop.step(listing()))
    assert set(threads) == {False}
    threads.clear()
    await send(made, loop.step(listing()))
    assert set(threads) == {True}, "once it is there, small texts are counted at once"


async def test_a_text_that_would_grow_is_left_alone(monkeypatch):
    made, loop = await begun()
    monkeypatch.setattr(module, "compress", lambda piece, *_: Result(piece.text + " " * 40, ("tabular",), True))
    result = await send(made, loop.step("some words of a tool"))
    assert (result.label, result.facts["refused"]) == ("nothing-to-gain", "no-gain:1")


@pytest.mark.parametrize("payload", [{}, {"messages": "hi"}, {"messages": {"a": 1}}, {"messages": None}])
async def test_what_is_not_understood_goes_through(payload):
    raw = jsonio.dumps({"model": "m", **payload})
    result = await run(compressor(), exchange(raw), whole({}))
    assert (result.action, result.label) == ("stood-aside", "not-understood")
    assert result.upstream.got[0].raw == raw


async def test_a_responses_input_that_is_one_text_has_nothing_new():
    result = await run(compressor(), exchange({"input": "hi"}, endpoint=SHAPES["responses"]), whole({}))
    assert result.label == "nothing-new"


@pytest.mark.parametrize("endpoint", [COMPLETIONS, EMBEDDINGS])
async def test_other_endpoints_are_not_its_own(endpoint):
    result = await run(compressor(), exchange({"input": "x", "prompt": "x"}, endpoint=endpoint), whole({}))
    assert result.exchange.trail.scopes == []


async def test_an_answer_that_is_kept_at_the_provider_has_no_history():
    services = lent()
    made = compressor(services=services)
    for n in range(3):
        output = {"type": "function_call_output", "call_id": "1", "output": listing(6, n)}
        payload = {"model": "m", "previous_response_id": f"resp_{n}", "input": [output]}
        result = await run(made, exchange(payload, endpoint=SHAPES["responses"]), whole({}))
        assert result.label == "compressed"
    assert len(services.sessions) == 0, "nothing of it comes again"


async def test_the_real_passes():
    from tailrace_plugins.compress.passes import compress

    module.compress = compress  # put back by the fixture
    made, loop = await begun()
    result = await send(made, loop.step(listing(30)))
    assert result.label == "compressed" and result.facts["tokens_after"] * 2 < result.facts["tokens_before"]


async def test_the_vocabulary_is_loaded_once_somebody_comes_with_tools():
    services = lent()
    made, loop = compressor(services=services), Loop("chat")
    await made.start()
    await send(made, loop)
    assert services.tokens.loaded == 0, "who has no agents pays nothing for it"
    loop.more["tools"] = [{"type": "function", "function": {"name": "search"}}]
    for _ in range(2):
        await send(made, loop)
    await services.tasks.drain(5.0)
    assert services.tokens.loaded == 1


def usage(cached):
    return {
        "usage": {"prompt_tokens": 5_000, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": cached}}
    }


class Priced(Plugin):
    """Says who answered, as the upstream does."""

    name = "priced"

    async def handle(self, exchange, call_next):
        exchange.trail.provider, exchange.trail.model = "openai", "gpt-4o"
        return await call_next(exchange)


async def test_what_was_saved_at_billed_rates():
    services = replace(lent(), prices=PriceTable({"gpt-4o": PRICE}))
    made, loop = await begun(services=services)
    chain = [made, Priced(Priced.Settings(), services)]

    async def ask(cached):
        result = await run(chain, exchange(loop.payload()), whole(usage(cached)))
        return result.facts

    loop.step(listing())
    facts = await ask(0)
    one = facts["saved_tokens"]
    assert facts["compress.saved_usd"] == pytest.approx(one * 2.5 / 1e6)
    loop.step(listing(6, 90))
    facts = await ask(4_992)
    two = facts["saved_tokens"] - one
    assert facts["compress.saved_input_tokens"] == one + two
    assert facts["compress.saved_usd"] == pytest.approx((one * 0.25 + two * 2.5) / 1e6)


async def test_a_provider_that_fails_saves_nothing():
    made, loop = await begun()
    result = await run(made, exchange(loop.step(listing()).payload()), failing(UpstreamError("down")))
    assert isinstance(result.error, UpstreamError) and "compress.saved_input_tokens" not in result.facts
    assert (await send(made, loop)).label == "compressed", "it is decided all the same"


class Twice(Plugin):
    """Asks two models, as a cascade does."""

    name = "twice"

    async def handle(self, exchange, call_next):
        await (await call_next(exchange.rewrite({"model": "small"}))).aclose()
        return await call_next(exchange.rewrite({"model": "large"}))


async def test_a_request_that_is_asked_twice_is_counted_once():
    made, loop = await begun()
    chain = [Twice(Twice.Settings(), lent()), made]
    result = await run(chain, exchange(loop.step(listing()).payload(), endpoint=CHAT), whole({}))
    told = [scope.facts for scope in result.exchange.trail.scopes if scope.plugin == "compress"]
    assert ["compress.saved_input_tokens" in facts for facts in told] == [False, True]
    one, two = result.upstream.got
    assert one.payload["messages"] == two.payload["messages"]


@pytest.mark.parametrize(("system_chars", "edited"), [(400, False), (4_000, False), (12_000, True)])
async def test_a_prompt_that_no_provider_caches_yet_is_left_as_it_is(system_chars, edited):
    """An edit that keeps it below 1,024 tokens has the next turn billed in full as well."""
    opening = [{"role": "system", "content": "s" * system_chars}, {"role": "user", "content": "find me a flight"}]
    made, loop = await begun(settings={"least_prompt_tokens": 1_024}, messages=opening)
    result = await send(made, loop.step(listing()))
    assert (result.label == "compressed") is edited
    if not edited:
        assert result.facts["refused"] == "short-prompt:1"
    # What was sent stays as it was; what is new once the prompt is long enough is edited.
    later = await send(made, loop.step(listing(400, 500)))
    assert loop.results(sent(later))[0] == (SHORT if edited else listing())
    assert later.label == "compressed"


async def test_an_edit_must_not_make_it_too_short():
    made, loop = await begun(settings={"least_prompt_tokens": 1_024})
    result = await send(made, loop.step(listing(100)))
    assert len(jsonio.dumps(loop.payload())) // 5 > 1_024
    assert (result.label, result.facts["refused"]) == ("short-prompt", "short-prompt:1")
