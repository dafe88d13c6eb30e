"""Which tool call a delta belongs to. OpenAI says `index`; others leave it out, use it again, or send only ids."""

from typing import Any

from tailrace.wire import jsonio
from tailrace.wire.assemble.deltas import grow, settle


class ToolCalls:
    """The tool calls of one message, in the order of their index, else of their appearance.

    A delta continues the call with its index, unless it brings the id of another call, or a second name after the
    arguments have begun: then the index was used again and a new call begins. Without an index the id decides;
    without both, a name after arguments begins a call, and each entry of one chunk is a call of its own.
    """

    __slots__ = ("_by_index", "_calls", "_order")

    def __init__(self) -> None:
        self._calls: list[dict[str, Any]] = []
        self._order: list[int | None] = []
        self._by_index: dict[int, dict[str, Any]] = {}

    def __len__(self) -> int:
        return len(self._calls)

    def add(self, deltas: list[Any]) -> None:
        """Take the `tool_calls` of one chunk."""
        taken: list[dict[str, Any]] = []
        for delta in deltas:
            if type(delta) is not dict:
                continue
            index = delta.get("index")
            index = index if type(index) is int else None
            call = self._find(delta, index, taken)
            if call is None:
                call = self._begin(index)
            elif index is not None:
                self._by_index[index] = call
            taken.append(call)
            _grow_call(call, delta)

    def result(self) -> list[dict[str, Any]]:
        """Complete calls: no index, arguments as one string, `type` filled in where it was left out."""
        pairs = list(zip(self._order, self._calls, strict=True))
        known = [index for index in self._order if index is not None]
        if len(set(known)) == len(pairs):
            pairs.sort(key=lambda pair: pair[0] or 0)
        return [_finished(call) for _, call in pairs]

    def _begin(self, index: int | None) -> dict[str, Any]:
        call: dict[str, Any] = {}
        self._calls.append(call)
        self._order.append(index)
        if index is not None:
            self._by_index[index] = call
        return call

    def _find(self, delta: dict[str, Any], index: int | None, taken: list[dict[str, Any]]) -> dict[str, Any] | None:
        id_ = delta.get("id")
        id_ = id_ if type(id_) is str else ""
        name = _inner(delta).get("name")
        if index is not None:
            call = self._by_index.get(index)
            if call is None:
                return None
            if id_ and call.get("id") and id_ != call["id"]:
                # Some invent an id for every delta: only one that brings a name can be another call.
                return self._with_id(id_) if name else call
            return None if name and not id_ and _begins_another(call, name) else call
        if id_:
            return self._with_id(id_)
        last = self._calls[-1] if self._calls else None
        if last is None or (name and (any(last is call for call in taken) or _begins_another(last, name))):
            return None
        return last

    def _with_id(self, id_: str) -> dict[str, Any] | None:
        return next((call for call in self._calls if call.get("id") == id_), None)


def _inner(call: dict[str, Any]) -> dict[str, Any]:
    """Where a call has its name and arguments: `function`, or `custom` for custom tools."""
    for kind in ("function", "custom"):
        inner = call.get(kind)
        if type(inner) is dict:
            return inner
    return {}


def _begins_another(call: dict[str, Any], name: Any) -> bool:
    inner = _inner(call)
    arguments = settle(inner.get("arguments") or inner.get("input"))
    if not arguments:
        return False
    if settle(inner.get("name")) != name:
        return True
    try:
        jsonio.loads(arguments)
    except jsonio.BadJson:
        return False  # the name is repeated in every delta of one call
    return True


def _grow_call(call: dict[str, Any], delta: dict[str, Any]) -> None:
    for key, value in delta.items():
        if key == "index":
            continue
        if key in ("function", "custom") and type(value) is dict:
            inner = call.get(key)
            if type(inner) is not dict:
                inner = call[key] = {}
            for name, member in value.items():
                if name == "name" and type(member) is str and settle(inner.get("name")) == member:
                    continue
                if name in ("arguments", "input") and type(member) in (dict, list):
                    member = jsonio.dumps(member).decode()
                grow(inner, name, member)
        else:
            grow(call, key, value)


def _finished(call: dict[str, Any]) -> dict[str, Any]:
    done: dict[str, Any] = settle(call)
    if not done.get("type") and "function" in done:
        done["type"] = "function"
    return done
