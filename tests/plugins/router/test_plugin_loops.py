"""Agent loops against a provider that keeps prefixes: what stickiness is for, in dollars.

A loop is a list of turns, each as hard as it is told to be; the best single model that meets the quality target is the
one that the hardest of them needs, asked for all. The provider bills as OpenAI does: the part of a prompt that this
model has seen within five minutes at the cached price, in blocks of 128 tokens from 1,024 on.
"""

import random
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest
from router_kit import PRICES, TIERS, Book, answer, lent, router

from tailrace.config.implied import KNOWN
from tailrace.exchange import Reply
from tailrace.prices import Price, PriceTable
from tailrace.testing import exchange, run
from tailrace.testing.clock import ManualClock
from tailrace.wire import jsonio
from tailrace.wire.usage import Usage
from tailrace_plugins.router.known import known_tiers

TTL_S = 300.0
CHARS = 4
"""A token of this provider."""


@dataclass
class Provider:
    """Remembers, for each model, what it was sent and when."""

    clock: ManualClock
    seen: dict[str, list[tuple[float, bytes]]] = field(default_factory=dict)
    bill: list[tuple[str, Usage]] = field(default_factory=list)
    output_tokens: int = 200

    async def __call__(self, upstream, asked):
        model, now = asked.model, self.clock.monotonic()
        prompt = jsonio.dumps(asked.payload["messages"])[:-1]
        known = [old for at, old in self.seen.get(model, []) if now - at < TTL_S and prompt.startswith(old)]
        cached = max((len(old) // CHARS // 128 * 128 for old in known), default=0)
        cached = cached if cached >= 1024 else 0
        self.seen.setdefault(model, []).append((now, prompt))
        usage = Usage(len(prompt) // CHARS, self.output_tokens, cached)
        self.bill.append((model, usage))
        body = answer(
            model,
            prompt_tokens=usage.input_tokens,
            completion_tokens=usage.output_tokens,
            prompt_tokens_details={"cached_tokens": cached},
        )
        asked.trail.provider, asked.trail.model = "sim", model
        asked.trail.answer = ("chat", body)
        return Reply(200, {"content-type": "application/json"}, jsonio.dumps(body), parsed=body)


@dataclass(frozen=True)
class Step:
    """One turn: how hard it is, what the tool brings, and how long the agent takes before it."""

    tier: str
    result_chars: int
    gap_s: float


QUICK, SLOW = (2.0, 60.0), (150.0, 290.0)
"""Seconds between turns: an agent with quick tools, and one that waits for builds or people."""


def loop(seed, system_chars, pace=QUICK):
    """A loop of 2 to 25 turns: easy ones in runs, hard ones between, sometimes a pause longer than the cache lives."""
    dice = random.Random(seed)
    tier = dice.choice(list(TIERS)[:3])
    steps = []
    for _ in range(dice.randint(2, 25)):
        if dice.random() < 0.3:
            tier = dice.choice(list(TIERS))
        gap_s = 400.0 if dice.random() < 0.05 else dice.uniform(*pace)
        steps.append(Step(tier, dice.choice([200, 800, 3000, 12_000]), gap_s))
    return steps, "rules of the house. " * (system_chars // 20)


def conversation(steps, system):
    """The messages of each turn: everything before it, and what is new."""
    messages = [{"role": "system", "content": system}, {"role": "user", "content": "do it"}]
    for number, step in enumerate(steps):
        if number:
            call = {
                "id": f"c{number}",
                "type": "function",
                "function": {"name": "look", "arguments": f'{{"n":{number}}}'},
            }
            messages += [
                {"role": "assistant", "content": "step " * 40, "tool_calls": [call]},
                {"role": "tool", "tool_call_id": f"c{number}", "content": f"{number} " * (step.result_chars // 3)},
            ]
        yield step, list(messages)


async def replay(steps, system, *, tiers=TIERS, prices=PRICES, sticky=True, only=""):
    """The dollars a loop costs through the router, or with one model only."""
    clock = ManualClock()
    provider = Provider(clock)
    names = ("auto", *dict.fromkeys(tiers.values()))
    book = Book(names=names, routed={"auto": tiers["complex"]}, prices=dict(prices))
    settings = {"tiers": tiers, "sticky": sticky}
    made = router(*(step.tier for step in steps), settings=settings, services=lent(book, clock=clock))
    for step, messages in conversation(steps, system):
        clock.advance(step.gap_s)
        asked = exchange(
            {"model": only or "auto", "messages": messages}, headers={"x-tailrace-session": "s"}, clock=clock
        )
        result = await run(made, asked, provider, clock=clock)
        assert result.status == 200, result.error
    return sum(prices[model].cost(usage) for model, usage in provider.bill), provider.bill


async def best_single(steps, system, tiers=TIERS, prices=PRICES):
    """What the model that the hardest turn needs costs, asked for all of them."""
    order = list(TIERS)
    hardest = max((step.tier for step in steps), key=order.index)
    return (await replay(steps, system, tiers=tiers, prices=prices, only=tiers[hardest]))[0]


HOSTS = {name: urlsplit(url).hostname for name, url, _ in KNOWN.values()}


def shipped(provider):
    table = PriceTable.shipped()
    tiers = {tier.value: model for tier, model in known_tiers(provider, HOSTS[provider]).items()}
    return tiers, {model: table.find(provider, model) for model in tiers.values()}


LADDERS = {
    "four rungs": (TIERS, PRICES),
    "openai": shipped("openai"),
    "anthropic": shipped("anthropic"),
    "mistral": shipped("mistral"),
    "deepseek": shipped("deepseek"),
    "gpt-4o": (
        {**dict.fromkeys(TIERS, "gpt-4o"), "trivial": "gpt-4o-mini", "simple": "gpt-4o-mini"},
        {"gpt-4o": Price(2.5, 10.0, 1.25), "gpt-4o-mini": Price(0.15, 0.6, 0.075)},
    ),
}


PACES = {"quick": QUICK, "slow": SLOW}


async def compared(name, system_chars, pace, loops=25, **how):
    """The dollars of each loop through the router, and with the best single model."""
    tiers, prices = LADDERS[name]
    found = []
    for seed in range(loops):
        steps, system = loop(seed, system_chars, PACES[pace])
        cost, _ = await replay(steps, system, tiers=tiers, prices=prices, **how)
        found.append((cost, await best_single(steps, system, tiers, prices)))
    return found


@pytest.mark.parametrize("pace", PACES)
@pytest.mark.parametrize("system_chars", [400, 60_000])
@pytest.mark.parametrize("name", ["openai", "anthropic", "gpt-4o"])
async def test_the_router_never_costs_more_than_the_best_single_model(name, system_chars, pace):
    """Where a turn at the cheap model costs no more than the strong one's reading of its cache, as with these."""
    found = await compared(name, system_chars, pace)
    assert all(cost <= single * (1 + 1e-9) for cost, single in found)
    assert sum(cost for cost, _ in found) < 0.95 * sum(single for _, single in found)


@pytest.mark.parametrize("pace", PACES)
@pytest.mark.parametrize("system_chars", [400, 60_000])
@pytest.mark.parametrize("name", ["four rungs", "mistral", "deepseek"])
async def test_elsewhere_a_loop_that_turns_hard_at_once_costs_its_first_turns_twice(name, system_chars, pace):
    """Nobody knows at the first turn what the second will need. In all the loops together it saves all the same."""
    found = await compared(name, system_chars, pace)
    assert max(cost / single for cost, single in found) < 1.2
    assert sum(cost for cost, _ in found) < 0.99 * sum(single for _, single in found)


@pytest.mark.parametrize("name", ["openai", "anthropic", "mistral", "deepseek"])
async def test_routing_each_request_by_itself_would(name):
    by_itself = await compared(name, 60_000, "slow", sticky=False)
    sticky = await compared(name, 60_000, "slow")
    assert sum(cost > 1.1 * single for cost, single in by_itself) >= 3
    assert max(cost / single for cost, single in by_itself) > 1.5
    assert sum(cost for cost, _ in sticky) < sum(cost for cost, _ in by_itself)


async def test_the_hard_turns_get_what_they_need():
    order = list(TIERS)
    for seed in range(20):
        steps, system = loop(seed, 8_000)
        _, bill = await replay(steps, system)
        for step, (model, _) in zip(steps, bill, strict=True):
            rank = max(order.index(tier) for tier, name in TIERS.items() if name == model)
            assert rank >= order.index(step.tier), "no turn is answered by less than it needs"
