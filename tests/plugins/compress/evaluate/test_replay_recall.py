import pytest

from tailrace.plugin import Plugin
from tailrace.testing import plugin as made
from tailrace.tokens import estimate
from tailrace.wire import jsonio
from tailrace_plugins.compress import folding
from tailrace_plugins.compress.evaluate.provider import Provider, Rules
from tailrace_plugins.compress.evaluate.replay import replay
from tailrace_plugins.compress.evaluate.trajectories import Trajectory
from tailrace_plugins.compress.passes import Switches, compress
from tailrace_plugins.compress.planner import Verdict
from tailrace_plugins.compress.plugin import CompressPlugin
from tailrace_plugins.compress.recall import RECALL

SWITCHES = Switches(long_results=True, max_result_chars=600)
SETTINGS = {"long_results": True, "max_result_chars": 600, "retrieval": True}
LOG = "\n".join(f"row {number}: order ORD-{number:04d} is on its way" for number in range(200))
BASH = {"type": "function", "function": {"name": "bash", "parameters": {"type": "object"}}}
SYSTEM = {"role": "system", "content": "Look things up. " * 800}


def turn(number, call, result, says):
    function = {"name": "bash", "arguments": jsonio.dumps({"command": call}).decode()}
    calling = {"id": f"c{number}", "type": "function", "function": function}
    return [
        {"role": "assistant", "content": None, "tool_calls": [calling]},
        {"role": "tool", "tool_call_id": f"c{number}", "content": result},
        {"role": "assistant", "content": says},
        {"role": "user", "content": "And?"},
    ]


def conversation(*says, tools=(BASH,)):
    """A long listing, and answers that use something of it."""
    messages = [SYSTEM, {"role": "user", "content": "Go on."}, *turn(0, "make list", LOG, says[0])]
    for number, said in enumerate(says[1:], 1):
        messages += turn(number, f"make {number}", "nothing", said)
    return Trajectory("made-up", tuple(messages), tuple(tools))


def redo(piece, earlier=()):
    return compress(piece, SWITCHES, estimate)


async def replayed(trajectory, settings=None, kind=CompressPlugin):
    given = SETTINGS if settings is None else settings
    return await replay(trajectory, made(kind, given), "gpt-4o", Rules(), estimate, redo)


MIDDLE = "Order ORD-0100 is coming."
EDGE = "Order ORD-0001 is coming."


async def test_a_fact_that_was_left_out_is_asked_for():
    done = await replayed(conversation(MIDDLE))
    assert [request.rounds for request in done.requests] == [0, 1]
    assert (done.kept.lost, done.kept.asked) == ((), done.kept.used) and done.kept.used >= 1
    assert (done.strange, done.again) == (0, 0)
    (edit,) = done.edits
    assert edit.passes == ("long_results",) and edit.whole == LOG and edit.piece.id


async def test_a_fact_that_stands_there_is_not_asked_for():
    done = await replayed(conversation(EDGE))
    assert [request.rounds for request in done.requests] == [0, 0]
    assert (done.kept.lost, done.kept.asked) == ((), 0) and done.kept.kept == done.kept.used >= 1


async def test_without_the_tool_it_is_lost():
    done = await replayed(conversation(MIDDLE), kind=Cutting)
    assert sum(request.rounds for request in done.requests) == 0
    assert done.kept.asked == 0 and "ORD-0100" in done.kept.lost


class Toolless(CompressPlugin):
    async def handle(self, exchange, call_next):
        return await super().handle(exchange, lambda asked: call_next(asked.rewrite({"tools": [BASH]})))


async def test_a_tool_that_is_not_there_is_not_called():
    done = await replayed(conversation(MIDDLE), kind=Toolless)
    assert [request.rounds for request in done.requests] == [0, 0]
    assert done.kept.asked == 0 and "ORD-0100" in done.kept.lost and done.edits[0].whole == LOG


class Cutting(Plugin):
    """Leaves out what cannot be asked for: the mark has an id, and there is no such tool."""

    name = "cutting"
    Settings = CompressPlugin.Settings

    async def handle(self, exchange, call_next):
        lines = LOG.split("\n")
        text = "\n".join([lines[0], "[... 198 lines (9000 characters) left out: lines 2-199 of k123456]", lines[-1]])
        messages = [
            {**message, "content": text} if message.get("content") == LOG else message
            for message in exchange.payload["messages"]
        ]
        return await call_next(exchange.rewrite({"messages": messages}))


async def test_a_round_is_billed():
    trajectory = conversation(MIDDLE)
    asked = (await replayed(trajectory)).requests[1].after
    plain = (await replayed(conversation(EDGE))).requests[1].after
    # The same prompt once more, with the call and the lines, most of it from the cache.
    assert asked.input_tokens > 2 * plain.input_tokens
    assert asked.cache_read_tokens > plain.cache_read_tokens + plain.input_tokens - 256


async def test_a_bill_is_what_a_provider_asks_for_all_that_it_got():
    trajectory = conversation(MIDDLE, EDGE)
    provider, sums = Provider(Rules(), estimate), []

    class Both(CompressPlugin):
        async def handle(self, exchange, call_next):
            sums.append([])

            async def heard(asked):
                sums[-1].append(provider.bill(asked.payload))
                return await call_next(asked)

            return await super().handle(exchange, heard)

    done = await replayed(trajectory, kind=Both)
    assert [len(rounds) for rounds in sums] == [request.rounds + 1 for request in done.requests] == [1, 2, 1, 1]
    for request, rounds in zip(done.requests, sums, strict=True):
        assert request.after.input_tokens == sum(usage.input_tokens for usage in rounds)
        assert request.after.cache_read_tokens == sum(usage.cache_read_tokens for usage in rounds)
        assert request.after.cache_write_tokens == sum(usage.cache_write_tokens for usage in rounds)


async def test_what_was_asked_for_once_stands_there_in_later_turns():
    done = await replayed(conversation(MIDDLE, "As I said: ORD-0100, and ORD-0101."))
    assert sum(request.rounds for request in done.requests) == 1, "the lines around it were given, too"
    assert done.kept.lost == () and done.again == 0


async def test_a_client_with_no_tools_of_its_own_is_offered_none():
    done = await replayed(conversation(MIDDLE, tools=()))
    assert [request.rounds for request in done.requests] == [0, 0]
    assert done.kept.lost == () and done.edits == [], "and so nothing is left out"


async def test_what_a_summary_stands_for_is_asked_for(monkeypatch):
    monkeypatch.setattr(folding, "fold_pays", lambda standing: Verdict(True, 1.0, 0.0, "it pays here"))
    history = {"enabled": True, "limit": 8, "target": 5, "keep_turns": 1, "summary_tokens": 50}
    says = ["Well.", "Go.", "Hm.", "Good.", "Yes.", MIDDLE]
    done = await replayed(conversation(*says), {"retrieval": True, "history": history, "least_prompt_tokens": 0})
    assert done.folds > 0 and done.strange == 0
    assert done.kept.lost == () and done.kept.asked >= 1


@pytest.mark.parametrize("answers", [(MIDDLE,), (EDGE, MIDDLE, EDGE)])
async def test_nothing_of_it_is_the_clients(answers):
    trajectory = conversation(*answers)
    before = jsonio.dumps(list(trajectory.messages))
    await replayed(trajectory)
    assert jsonio.dumps(list(trajectory.messages)) == before and RECALL.name.encode() not in before
