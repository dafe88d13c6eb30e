"""The kit for tests of plugins: ours and yours use the same, without sockets and without waiting.

A plugin is run by the real chain, in front of a made-up provider:

    from tailrace.plugin import CallNext, Plugin
    from tailrace.testing import chat_text, events, exchange, plugin, run, virtual_time


    class Polite(Plugin):
        name = "polite"

        async def handle(self, exchange, call_next):
            exchange.acted("asked-nicely")
            exchange.note("words", 1)
            return await call_next(exchange.rewrite({"user": "please"}))


    @virtual_time
    async def test_polite():
        result = await run(plugin(Polite), exchange({"model": "m", "stream": True}), events(*chat_text("Hel", "lo")))
        assert (result.action, result.label, result.facts) == ("acted", "asked-nicely", {"words": 1})
        assert result.upstream.got[0].payload["user"] == "please"
        assert result.text == "Hello"

`exchange` makes a request of a payload. `whole`, `events`, `failing` and `hanging` are what a provider may do; give
`run` several and each call takes the next. `run` returns what the client got and what the plugin told of itself.
Under `virtual_time` a test waits for hours in no time: the loop's clock jumps to the next timer.
"""

from tailrace.testing.clock import ManualClock, VirtualLoop, virtual_time
from tailrace.testing.frames import chat_chunk, chat_text, data
from tailrace.testing.making import exchange, plugin, services
from tailrace.testing.running import Result, run
from tailrace.testing.upstream import Answer, FakeUpstream, events, failing, hanging, whole

__all__ = [
    "Answer",
    "FakeUpstream",
    "ManualClock",
    "Result",
    "VirtualLoop",
    "chat_chunk",
    "chat_text",
    "data",
    "events",
    "exchange",
    "failing",
    "hanging",
    "plugin",
    "run",
    "services",
    "virtual_time",
    "whole",
]
