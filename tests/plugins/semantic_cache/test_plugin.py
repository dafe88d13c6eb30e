import pytest
from semantic_kit import ToldEmbedder, answer, asking, caching, kept, until

from tailrace.cache.selector import Selector
from tailrace.testing import events, failing, hanging, run, whole
from tailrace.wire import jsonio

QUESTION, SAME, OTHER = "How do I reset my password?", "How can I reset my password?", "How do I reset my phone?"


def chunk(delta, finish=None):
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    told = {
        "id": "chatcmpl-00000001",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "m",
        "choices": [choice],
    }
    return b"data: " + jsonio.dumps(told) + b"\n\n"


STREAM = (
    chunk({"role": "assistant", "content": "An "}),
    chunk({"content": "answer."}),
    chunk({}, "stop"),
    b"data: [DONE]\n\n",
)


async def test_a_question_in_other_words_is_answered(tmp_path):
    async with caching(tmp_path) as (plugin, lent):
        first = await run(plugin, asking(QUESTION), whole(answer()))
        assert (first.label, first.reply.headers["x-tailrace-cache"]) == ("miss", "miss")
        assert lent.embedder.asked == [], "nothing is embedded while there is nothing to find"
        await kept(lent)
        again = await run(plugin, asking(SAME), whole(answer("never")))
        assert (again.label, again.text, again.upstream.got) == ("semantic", "An answer.", [])
        assert again.reply.headers["x-tailrace-cache"] == "semantic;score=1.00" and again.reply.headers["age"] == "0"
        assert again.facts["cache.result"] == "semantic" and again.facts["cache.saved_input_tokens"] == 10
        assert again.answer["id"] != "chatcmpl-00000001" and again.answer["usage"]["tailrace"]["billed"] is False


async def test_a_near_neighbour_is_only_a_candidate(tmp_path):
    async with caching(tmp_path) as (plugin, lent):
        await run(plugin, asking(QUESTION), whole(answer()))
        await kept(lent)
        other = await run(plugin, asking(OTHER), whole(answer("Another.")))
        assert (other.label, other.text) == ("miss", "Another.")
        assert other.facts["cache.similarity"] == 1.0 and other.facts["cache.candidates"] == 1
        assert (await plugin.statistics())["rejected"] == {other.facts["cache.verdict"]: 1}


async def test_what_is_not_near_is_no_candidate(tmp_path):
    async with caching(tmp_path, ToldEmbedder({SAME: 1.4})) as (plugin, lent):
        await run(plugin, asking(QUESTION), whole(answer()))
        await kept(lent)
        far = await run(plugin, asking(SAME), whole(answer("Another.")))
        assert (far.label, far.facts["cache.candidates"]) == ("miss", 0)


@pytest.mark.parametrize(
    "changed",
    [
        {"tenant": "other"},
        {"temperature": 0},
        {"max_tokens": 9},
        {"headers": {"anthropic-beta": "x"}},
        {"messages": [{"role": "system", "content": "s"}, {"role": "user", "content": SAME}]},
    ],
)
async def test_all_but_the_question_must_be_equal(tmp_path, changed):
    async with caching(tmp_path) as (plugin, lent):
        await run(plugin, asking(QUESTION), whole(answer()))
        await kept(lent)
        result = await run(plugin, asking(SAME, **changed), whole(answer("Another.")))
        assert (result.label, result.text) == ("miss", "Another.")


async def test_streams_are_kept_and_served_in_both_forms(tmp_path):
    async with caching(tmp_path) as (plugin, lent):
        streamed = await run(plugin, asking(QUESTION, stream=True), events(*STREAM))
        assert streamed.body == b"".join(STREAM), "a miss goes through byte for byte"
        await kept(lent)
        again = await run(plugin, asking(SAME, stream=True), hanging())
        assert again.label == "semantic" and len(again.events) == 4 and again.text == "An answer."
        plain = await run(plugin, asking(SAME), whole(answer("Another.")))
        assert plain.label == "miss", "the stream had no usage, which a whole answer reports"
        await kept(lent)
        assert (await run(plugin, asking(QUESTION + "?"), hanging())).label == "semantic"


@pytest.mark.parametrize(
    ("told", "why"),
    [
        (answer(choices=[{"index": 0, "message": {"content": "x"}, "finish_reason": "length"}]), "incomplete"),
        (answer(choices=[]), "empty"),
        (
            answer(choices=[{"index": 0, "message": {"tool_calls": [{"id": "1"}]}, "finish_reason": "tool_calls"}]),
            "tools",
        ),
    ],
)
async def test_what_is_not_kept(tmp_path, told, why):
    async with caching(tmp_path) as (plugin, lent):
        await run(plugin, asking(QUESTION), whole(told))
        await kept(lent)
        statistics = await plugin.statistics()
        assert statistics["not_stored"] == {why: 1} and statistics["entries"] == 0


async def test_a_stream_the_client_left_is_not_kept(tmp_path):
    async with caching(tmp_path) as (plugin, lent):
        await run(plugin, asking(QUESTION, stream=True), events(*STREAM), leaves_after_pieces=1)
        await kept(lent)
        assert (await plugin.statistics())["not_stored"] == {"incomplete": 1}


@pytest.mark.parametrize("reason", ["busy", "timeout", "crashed", "bad-vector"])
async def test_a_failing_embedder_lets_the_request_pass(tmp_path, reason):
    embedder = ToldEmbedder()
    async with caching(tmp_path, embedder) as (plugin, lent):
        await run(plugin, asking(QUESTION), whole(answer()))
        await kept(lent)
        embedder.fails = reason
        result = await run(plugin, asking(SAME), whole(answer("Another.")))
        assert (result.action, result.label, result.text) == ("stood-aside", f"embedder-{reason}", "Another.")
        assert result.reply.headers["x-tailrace-cache"] == "bypass"
        await kept(lent)
        assert (await plugin.statistics())["entries"] == 1, "nothing is stored without a vector"


@pytest.mark.parametrize("state", ["loading", "failed", "off"])
async def test_it_stands_aside_until_the_model_is_there(tmp_path, state):
    embedder = ToldEmbedder()
    embedder.state = state
    async with caching(tmp_path, embedder) as (plugin, _):
        result = await run(plugin, asking(QUESTION), whole(answer()))
        assert result.header == f"semantic_cache=stood-aside(embedder-{state})"


@pytest.mark.parametrize(
    ("headers", "label"),
    [
        ({"cache-control": "no-store"}, "no-store"),
        ({"x-tailrace-no-store": "1"}, "no-store"),
        ({"cache-control": "no-cache"}, "miss"),
        ({"cache-control": "max-age=60"}, "semantic"),
    ],
)
async def test_the_client_has_a_say(tmp_path, headers, label):
    async with caching(tmp_path) as (plugin, lent):
        await run(plugin, asking(QUESTION), whole(answer()))
        await kept(lent)
        assert (await run(plugin, asking(SAME, headers=headers), whole(answer()))).label == label


async def test_purged_entries_are_not_found(tmp_path):
    async with caching(tmp_path) as (plugin, lent):
        tagged = {"x-tailrace-cache-tags": "a, b"}
        await run(plugin, asking(QUESTION, headers=tagged), whole(answer()))
        await kept(lent)
        assert await plugin.purge(Selector(tag="c")) == 0
        assert await plugin.purge(Selector(tag="b", question="*password*")) == 1
        assert (await run(plugin, asking(SAME), whole(answer()))).label == "miss"


async def test_a_restart_keeps_what_was_learnt(tmp_path):
    async with caching(tmp_path) as (plugin, lent):
        await run(plugin, asking(QUESTION), whole(answer()))
        await kept(lent)
    async with caching(tmp_path) as (plugin, lent):
        assert (await run(plugin, asking(SAME), hanging())).label == "semantic"


async def test_another_model_finds_nothing_of_the_old_ones(tmp_path):
    async with caching(tmp_path) as (plugin, lent):
        await run(plugin, asking(QUESTION), whole(answer()))
        await kept(lent)
    other = ToldEmbedder()
    other.identity, other.dimension = "told:2", 8
    async with caching(tmp_path, other) as (plugin, _):
        assert (await run(plugin, asking(SAME), whole(answer()))).label == "miss"


async def test_an_answer_too_old_is_not_served(tmp_path):
    async with caching(tmp_path, settings={"ttl": 0.001}) as (plugin, lent):
        await run(plugin, asking(QUESTION), whole(answer()))
        await kept(lent)
        assert (await run(plugin, asking(SAME), whole(answer()))).label == "miss"


async def test_wrong_hits_switch_a_partition_off(tmp_path):
    embedder = ToldEmbedder({"fresh.": 1.5})
    async with caching(tmp_path, embedder, {"shadow_share": 1.0}) as (plugin, lent):
        await run(plugin, asking(QUESTION), whole(answer()))
        await kept(lent)
        for _ in range(3):
            hit = await run(plugin, asking(SAME), whole(answer("Fresh.")))
            assert hit.text == "An answer." and hit.label == "semantic"
            await kept(lent)
            [shadow] = hit.upstream.got
            assert shadow.stream is False and shadow.trail is not hit.exchange.trail
        off = await run(plugin, asking(SAME), whole(answer("Fresh.")))
        assert (off.label, off.text) == ("switched-off", "Fresh.")
        assert (await plugin.statistics())["shadow"] == {"asked": 3, "wrong": 3, "off": 1}


async def test_a_shadow_that_fails_changes_nothing(tmp_path):
    async with caching(tmp_path, settings={"shadow_share": 1.0}) as (plugin, lent):
        await run(plugin, asking(QUESTION), whole(answer()))
        await kept(lent)
        hit = await run(plugin, asking(SAME), failing())
        await kept(lent)
        assert hit.label == "semantic" and (await plugin.statistics())["second_opinions_failed"] == 1


@pytest.mark.parametrize(("says", "label"), [("Yes.", "semantic"), ("no", "miss"), ("perhaps", "miss")])
async def test_the_judge_only_learns_the_first_time(tmp_path, says, label):
    async with caching(tmp_path, settings={"judge_model": "cheap"}) as (plugin, lent):
        await run(plugin, asking(QUESTION), whole(answer()))
        await kept(lent)
        # An answer that is not kept, so that the judge's word is all there is to go by.
        cut = answer(choices=[])
        first = await run(plugin, asking(OTHER), whole(cut), whole(answer(says)))
        assert first.label == "miss"
        await until(lambda: len(first.upstream.got) == 2)
        await kept(lent)
        judged = first.upstream.got[1]
        assert judged.model == "cheap" and QUESTION in judged.payload["messages"][1]["content"]
        again = await run(plugin, asking(OTHER), whole(cut))
        assert again.label == label
        await kept(lent)
        assert len(again.upstream.got) == (0 if label == "semantic" else 1), "nothing is put before the judge twice"


async def test_what_the_embeddings_cost_is_subtracted(tmp_path):
    embedder = ToldEmbedder()
    embedder.model = "text-embedding-3-small"
    async with caching(tmp_path, embedder) as (plugin, lent):
        asked = asking(QUESTION)
        asked.trail.provider, asked.trail.model = "openai", "gpt-4o"
        await run(plugin, asked, whole(answer()))
        await kept(lent)
        full = (await run(plugin, asking(SAME), hanging())).facts["cache.saved_usd"]
        assert full > 0
        embedder.spent_tokens = 1000
        price = lent.prices.find("", "text-embedding-3-small")
        net = (await run(plugin, asking(SAME), hanging())).facts["cache.saved_usd"]
        assert net == pytest.approx(max(0.0, full - 1000 * price.input / 1e6))
