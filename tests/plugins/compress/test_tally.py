import re
from dataclasses import replace

import pytest
from compress_kit import PRICE, compressor, lent

from tailrace.exchange import Outcome
from tailrace.plugin import Plugin
from tailrace.prices import PriceTable
from tailrace.testing import exchange, run, whole
from tailrace.wire.usage import Usage
from tailrace_plugins.compress.report import Saved
from tailrace_plugins.compress.tally import Tally

ENDED = Outcome("complete", 200, 1.0, usage=Usage(5_000, 10), cost_usd=0.02)


BEFORE = Tally(
    requests=3, sent_tokens=5_000, alone_tokens=5_300, at=10.0, saved_tokens=300, saved_usd=0.001, billed_usd=0.02
)


def test_requests_add_up():
    one = Tally().with_request(ENDED, Saved(300, 0.001), 0, 10.0)
    assert one == replace(BEFORE, requests=1)
    two = one.with_request(replace(ENDED, usage=Usage(6_000, 10)), Saved(-100, -0.004), 250, 12.0)
    assert (two.requests, two.sent_tokens, two.at, two.saved_tokens) == (2, 6_000, 12.0, 200)
    assert (two.alone_tokens, two.carried_tokens) == (5_900, 250)
    assert two.saved_usd == pytest.approx(-0.003), "negative where it cost more"
    assert two.billed_usd == pytest.approx(0.04)


@pytest.mark.parametrize(
    ("outcome", "saved"),
    [
        (Outcome("failed", 502, 1.0), None),
        (Outcome("complete", 200, 1.0, usage=Usage(0, 0)), Saved(0, None)),
    ],
)
def test_what_is_not_known_changes_no_sum(outcome, saved):
    after = BEFORE.with_request(outcome, saved, 0, 11.0)
    assert after == replace(BEFORE, requests=4, at=11.0, alone_tokens=5_000)


def test_what_is_bought_beside_is_billed_and_not_saved():
    spent = BEFORE.spent(0.005)
    assert (spent.saved_usd, spent.billed_usd) == pytest.approx((-0.004, 0.025))
    assert replace(spent, saved_usd=0.001, billed_usd=0.02) == BEFORE


def test_what_a_provider_would_have_without_it():
    assert Tally().idle_s(1e9) == float("inf") and Tally().cached_alone(0.0) == 0
    assert (BEFORE.idle_s(12.5), BEFORE.cached_alone(12.5)) == (2.5, 5_248)
    assert (BEFORE.cached_alone(309.0), BEFORE.cached_alone(310.0)) == (5_248, 0)


BASH = {"type": "function", "function": {"name": "bash", "parameters": {"type": "object"}}}


class Priced(Plugin):
    """Says who answered, as the upstream does."""

    name = "priced"

    async def handle(self, exchange, call_next):
        exchange.trail.provider, exchange.trail.model = "openai", "gpt-4o"
        return await call_next(exchange)


def answer(tokens, text="Done.", call=None, cached=0):
    message = {"role": "assistant", "content": text}
    if call is not None:
        message = {"role": "assistant", "content": None, "tool_calls": [call]}
    usage = {"prompt_tokens": tokens, "completion_tokens": 0, "prompt_tokens_details": {"cached_tokens": cached}}
    finish = "tool_calls" if call is not None else "stop"
    choice = {"index": 0, "message": message, "finish_reason": finish}
    return whole(
        {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], "usage": usage}
    )


def ledger():
    """A plugin that may leave long results out, and a conversation with a long one."""
    services = replace(lent(), prices=PriceTable.shipped({"gpt-4o": PRICE}))
    made = compressor({"long_results": True, "retrieval": True, "max_result_chars": 400}, services)
    chain = [made, Priced(Priced.Settings(), services)]
    call = {"id": "c1", "type": "function", "function": {"name": "bash", "arguments": '{"command":"make"}'}}
    log = "\n".join(f"step {number} of many" for number in range(400))
    first = [{"role": "system", "content": "Careful. " * 800}, {"role": "user", "content": "Build it."}]
    second = [
        *first,
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": log},
    ]

    async def ask(messages, *answers):
        asked = exchange({"model": "gpt-4o", "messages": messages, "tools": [BASH]})
        result = await run(chain, asked, *answers)
        assert result.error is None
        return result.facts

    return ask, first, second


RECALLING = {
    "id": "r1",
    "type": "function",
    "function": {"name": "tailrace_recall", "arguments": '{"id":"k000000"}'},
}


async def test_a_sessions_ledger():
    ask, first, second = ledger()
    one = await ask(first, answer(2_000))
    assert one["session_requests"] == 1
    assert one["session_billed_usd"] == pytest.approx(2_000 * 2.5e-6, rel=0.01)
    assert one["net_usd"] == one["session_saved_usd"] < 0, "the tool itself costs"
    assert one["compress.saved_usd"] == 0.0
    two = await ask(second, answer(3_000, cached=1_920))
    assert two["session_requests"] == 2 and two["net_usd"] > 0.003
    assert two["session_saved_usd"] == pytest.approx(one["net_usd"] + two["net_usd"])
    assert two["compress.saved_usd"] == pytest.approx(two["session_saved_usd"]), "what was owed is taken from it first"
    assert two["session_billed_usd"] > one["session_billed_usd"]


async def test_a_round_that_cost_more_than_was_saved_is_a_loss():
    ask, first, second = ledger()
    one = await ask(first, answer(2_000))
    # A round of 100,000 tokens at the full price, to save less than 2,000.
    two = await ask(second, answer(100_000, call=RECALLING), answer(100_100))
    assert two["recalls"] == 1 and two["net_usd"] < -0.2
    assert two["session_saved_usd"] == pytest.approx(one["net_usd"] + two["net_usd"])
    assert two["session_billed_usd"] == pytest.approx(one["session_billed_usd"] + 200_100 * 2.5e-6, rel=0.01)
    assert two["compress.saved_usd"] == 0.0, "a counter never goes down"
    told = [one["compress.saved_usd"], two["compress.saved_usd"]]
    for turn in range(3):
        second = [*second, {"role": "assistant", "content": "Done."}, {"role": "user", "content": f"Go on {turn}."}]
        more = await ask(second, answer(100_100, cached=99_968))
        told.append(more["compress.saved_usd"])
    assert more["session_requests"] == 5
    assert min(told) >= 0.0 and sum(told) == 0.0, "not before the loss is made up for"
    assert more["session_saved_usd"] < -0.2


async def test_what_was_brought_back_saves_nothing():
    """All that was left out stands there again, as the answer to a call: more is sent than the client has."""
    ask, first, second = ledger()
    await ask(first, answer(2_000))

    async def model(upstream, asked):
        if len(upstream.got) > 1:
            return await answer(4_200, cached=3_968)(upstream, asked)
        mark = re.search(r"lines [0-9]+-[0-9]+ of (k[0-9a-f]{10})", asked.payload["messages"][-1]["content"])
        function = {"name": "tailrace_recall", "arguments": f'{{"id":"{mark[1]}"}}'}
        return await answer(2_200, call={"id": "r1", "type": "function", "function": function})(upstream, asked)

    await ask(second, model)
    third = [*second, {"role": "assistant", "content": "Done."}, {"role": "user", "content": "Thanks."}]
    facts = await ask(third, answer(4_300, cached=3_968))
    assert facts["compress.saved_input_tokens"] == 0 and facts["net_usd"] <= 0
