"""GET /v1/models: the configured names, merged with what the provider lists."""

import asyncio
from typing import Any

from tailrace.errors import TailraceError
from tailrace.exchange import Exchange, Reply
from tailrace.gateway import Gateway
from tailrace.wire import jsonio

_PROVIDER_S = 5.0
"""How long the provider's list is waited for when there are configured names to show without it."""


async def list_models(gateway: Gateway, exchange: Exchange) -> Reply:
    """The provider's own answer where no models are configured; else a list that names the configured ones first.

    A configured name takes what the provider tells of a model by that name. A provider that does not answer leaves
    the configured names.
    """
    configured = gateway.upstream.targets.models
    if not configured:
        return await gateway.upstream(exchange)
    told = await _provider_list(gateway, exchange)
    by_name = {row["id"]: row for row in told}
    rows = [
        by_name.pop(name, {"id": name, "object": "model", "created": 0, "owned_by": "tailrace"}) for name in configured
    ]
    body = jsonio.dumps({"object": "list", "data": [*rows, *by_name.values()]})
    return Reply(200, {"content-type": "application/json"}, body, origin="tailrace")


async def _provider_list(gateway: Gateway, exchange: Exchange) -> list[dict[str, Any]]:
    try:
        async with asyncio.timeout(_PROVIDER_S):
            reply = await gateway.upstream(exchange)
            if reply.stream is None:
                return []
            try:
                body = b"".join([piece async for piece in reply.stream.open()])
            finally:
                await reply.aclose()
        rows = jsonio.loads_object(body).get("data")
    except (TailraceError, TimeoutError, jsonio.BadJson):
        return []
    return (
        [row for row in rows if isinstance(row, dict) and isinstance(row.get("id"), str)]
        if isinstance(rows, list)
        else []
    )
