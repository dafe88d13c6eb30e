"""Cache statistics and invalidation on the admin port."""

from dataclasses import fields
from typing import Any, Final

from aiohttp import web

from tailrace.cache.caches import Caches
from tailrace.cache.selector import Selector
from tailrace.config.problems import nearest
from tailrace.errors import BadRequest
from tailrace.http.body import read_body
from tailrace.wire import jsonio

_MAX_BODY_BYTES: Final = 65_536
_BODY_IDLE_S: Final = 10.0
_NAMES: Final = tuple(field.name for field in fields(Selector))


class CacheRoutes:
    """`GET /cache` and `POST /cache/purge`."""

    def __init__(self, caches: Caches) -> None:
        self._caches = caches

    async def statistics(self, request: web.BaseRequest) -> web.Response:
        """`{"caches": {name: {...}}}`: what each cache holds and counts."""
        return _json({"caches": await self._caches.statistics()})

    async def purge(self, request: web.BaseRequest) -> web.Response:
        """Forget what the body's selector fits; `{"purged": {name: entries}, "total": n}`."""
        selector = read_selector(await read_body(request, _MAX_BODY_BYTES, _BODY_IDLE_S))
        if selector.cache is not None and selector.cache not in self._caches.names:
            known = nearest(selector.cache, self._caches.names)
            raise BadRequest(f"There is no cache of that name{known}", code="unknown_cache", param="cache")
        gone = await self._caches.purge(selector)
        return _json({"purged": gone, "total": sum(gone.values())})


def read_selector(body: bytes) -> Selector:
    """The selector that a JSON object spells; raises `BadRequest` for anything unclear: deletions are not guessed."""
    try:
        given = jsonio.loads_object(body)
    except jsonio.BadJson as error:
        raise BadRequest(f"The body is no JSON object: {error.reason}.", code="bad_json") from None
    for name, value in given.items():
        if name not in _NAMES:
            raise BadRequest(f"Unknown key {name[:40]!r}{nearest(name, _NAMES)}", code="unknown_key", param=name[:40])
        if name == "older_than_s":
            fits = type(value) in (int, float) and value >= 0
        else:
            fits = type(value) is bool if name == "everything" else isinstance(value, str) and len(value) <= 4000
        if not fits:
            raise BadRequest(f"{name} has a wrong value.", code="bad_value", param=name)
    selector = Selector(**given)
    if not selector.says_something:
        names = ", ".join(name for name in _NAMES if name not in ("cache", "everything"))
        raise BadRequest(f"Say what is to go: {names}, or everything: true.", code="nothing_selected")
    return selector


def _json(told: dict[str, Any]) -> web.Response:
    return web.Response(body=jsonio.dumps(told), headers={"content-type": "application/json"})
