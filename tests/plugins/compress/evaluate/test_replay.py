import pytest

from tailrace.errors import BadRequest
from tailrace.plugin import Plugin
from tailrace.prices import Price
from tailrace.testing import plugin as made
from tailrace.tokens import estimate
from tailrace.wire import jsonio
from tailrace_plugins.compress.evaluate.provider import Rules
from tailrace_plugins.compress.evaluate.replay import replay
from tailrace_plugins.compress.evaluate.report import report
from tailrace_plugins.compress.evaluate.trajectories import Trajectory
from tailrace_plugins.compress.passes import Piece, Switches, compress
from tailrace_plugins.compress.plugin import CompressPlugin

PRICE = Price(2.5, 0.0, 0.25, 2.5)


def spaced(value):
    """JSON as Python's `json.dumps` writes it: with blanks."""
    return jsonio.dumps(value).decode().replace(",", ", ").replace(":", ": ")


def conversation(turns, rows=6):
    """An agent that looks one thing up after the other and says what it found."""
    messages = [{"role": "system", "content": "Look things up. " * 400}, {"role": "user", "content": "Go on."}]
    for turn in range(turns):
        found = [{"id": f"item_{turn}_{row}", "price": 100 * turn + row, "place": "Austin"} for row in range(rows)]
        call = {
            "id": f"call_{turn}",
            "type": "function",
            "function": {"name": "look", "arguments": f'{{"page":{turn}}}'},
        }
        messages += [
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": f"call_{turn}", "content": spaced(found)},
            {"role": "assistant", "content": f"There is item_{turn}_1 in Austin."},
            {"role": "user", "content": "And the next one?"},
        ]
    return Trajectory("made-up", tuple(messages), ({"type": "function", "function": {"name": "look"}},))


def redo(piece, earlier=()):
    return compress(piece, Switches(), estimate)


async def replayed(kind, trajectory):
    plugin = kind if isinstance(kind, Plugin) else made(kind)
    return await replay(trajectory, plugin, "gpt-4o", Rules(), estimate, redo)


class Nothing(Plugin):
    name = "nothing"


class Stub(Plugin):
    """Edits results in each request anew, as `edit(index, count, text)` says."""

    name = "stub"
    edit = staticmethod(lambda index, count, text: text)

    async def handle(self, exchange, call_next):
        messages = exchange.payload["messages"]
        sent = [
            {**message, "content": self.edit(index, len(messages), message["content"])}
            if message["role"] == "tool"
            else message
            for index, message in enumerate(messages)
        ]
        exchange.note("refused", "too-small:2,no-gain:1")
        return await call_next(exchange.rewrite({"messages": sent}))


def smaller(text):
    result = redo(Piece("tool", text, "search"))
    return result.text if result is not None else text


class AllButTheLastFive(Stub):
    """What many do: the newest messages as they are, the older ones compressed."""

    edit = staticmethod(lambda index, count, text: smaller(text) if index < count - 5 else text)


class Dots(Stub):
    edit = staticmethod(lambda index, count, text: "…")


class Strange(Stub):
    async def handle(self, exchange, call_next):
        return await call_next(exchange.rewrite({"messages": exchange.payload["messages"][1:]}))


class Refusing(Stub):
    async def handle(self, exchange, call_next):
        raise BadRequest("no")


async def test_a_plugin_that_does_nothing_changes_nothing():
    done = await replayed(Nothing, conversation(5))
    assert len(done.requests) == 10
    assert all(request.before == request.after for request in done.requests)
    assert (done.edits, done.strange, done.again) == ([], 0, 0)
    assert done.kept.used == done.kept.kept > 0
    assert {(request.action, request.label) for request in done.requests} == {("stood-aside", "nothing-to-do")}
    assert done.requests[-1].before.cache_read_tokens > 0


async def test_the_real_plugin_saves_and_loses_nothing():
    done = await replayed(CompressPlugin, conversation(8))
    told = report("made-up", [done], PRICE)
    assert told.net_saving > 0.02
    assert told.worst[1] > 0.02
    assert told.lossless_ok
    assert len(done.edits) == 8
    assert (done.again, done.kept.lost) == (0, ())
    assert told.after.hit_rate > told.before.hit_rate - 0.01
    assert all(request.after.input_tokens <= request.before.input_tokens for request in done.requests)


async def test_compressing_all_but_the_last_five_messages_costs_more_than_doing_nothing():
    """Each turn another message leaves the last five: from there on nothing can be read from the cache."""
    trajectory = conversation(12)
    naive = report("made-up", [await replayed(AllButTheLastFive, trajectory)], PRICE)
    ours = report("made-up", [await replayed(CompressPlugin, trajectory)], PRICE)
    assert naive.after.tokens < naive.before.tokens, "fewer tokens"
    assert naive.after.usd > 1.02 * naive.before.usd, "and a higher bill"
    assert ours.after.usd < 0.98 * ours.before.usd
    assert naive.after.hit_rate < naive.before.hit_rate < ours.after.hit_rate + 0.01
    assert naive.before == ours.before


async def test_what_is_sent_otherwise_later_is_counted():
    assert (await replayed(AllButTheLastFive, conversation(4))).again == 2


async def test_a_loss_is_seen():
    done = await replayed(Dots, conversation(3))
    told = report("made-up", [done], PRICE)
    assert not told.lossless_ok
    assert told.not_equal == 3
    assert "item_1_1" in done.kept.lost
    assert done.kept.kept < done.kept.used


async def test_other_changes_are_seen():
    done = await replayed(Strange, conversation(2))
    assert done.strange == len(done.requests)
    assert not report("made-up", [done], PRICE).lossless_ok
    assert done.kept.lost == ()


async def test_refusals_are_added_up():
    done = await replayed(Stub, conversation(1))
    assert [dict(request.refused) for request in done.requests] == [{"too-small": 2, "no-gain": 1}] * 2


async def test_an_error_of_the_plugin_ends_the_replay():
    with pytest.raises(BadRequest):
        await replayed(Refusing, conversation(1))


class Listening(Plugin):
    name = "listening"

    async def handle(self, exchange, call_next):
        heard.append(exchange.session)
        return await call_next(exchange)


heard = []


async def test_conversations_that_begin_alike_are_sessions_of_their_own():
    plugin, trajectory = made(Listening), conversation(3)
    await replayed(plugin, trajectory)
    await replayed(plugin, Trajectory("another", trajectory.messages, trajectory.tools))
    assert len(heard) == 12
    assert (len(set(heard[:6])), len(set(heard))) == (1, 2)
