"""What the chain's tests share: plugins made of one function."""

from tailrace.plugin import Plugin
from tailrace.testing import plugin, whole

ASKED = {"model": "m"}
OK = whole({"choices": []})


def made(handle, name="one", settings=None, **attributes):
    """A plugin whose `handle` is this function of exchange and call_next."""

    async def method(self, exchange, call_next):
        return await handle(exchange, call_next)

    return plugin(type(name.title(), (Plugin,), {"name": name, "handle": method, **attributes}), settings)


async def passes(exchange, call_next):
    return await call_next(exchange)
