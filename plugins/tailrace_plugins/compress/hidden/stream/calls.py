"""Which deltas of a chat stream's tool calls are the client's. Pure."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any

from tailrace.wire import jsonio
from tailrace.wire.assemble.toolcalls import ToolCalls


@dataclass(slots=True)
class _Call:
    index: int | None
    id: str = ""
    name: str = ""
    arguments: str = ""
    is_clients: bool = False
    place: int = -1
    held: list[dict[str, Any]] = field(default_factory=list)


class Calls:
    """The tool calls of one message, as their deltas come.

    Deltas of hidden calls are kept back, and so are those of a call whose name is not all there yet but may become
    such a name: some providers split names. Which call a delta belongs to is told as in `ToolCalls`.
    """

    def __init__(self, names: AbstractSet[str]) -> None:
        self._names = names
        self._calls: list[_Call] = []
        self.given = 0
        """Calls that the client was given something of."""

    @property
    def holds(self) -> bool:
        """Whether anything is kept back."""
        return any(not call.is_clients for call in self._calls)

    @property
    def hides(self) -> bool:
        """Whether one of the calls is hidden, as far as is known."""
        return any(self._is_hidden(call) for call in self._calls)

    def take(self, deltas: list[Any]) -> list[Any]:
        """The client's part of the `tool_calls` of a chunk, its indices without gaps; the same list where that is all
        of them, as they are.
        """
        given: list[Any] = []
        taken: list[_Call] = []
        changed = False
        for delta in deltas:
            if type(delta) is not dict:
                given.append(delta)
                continue
            call = self._of(delta, taken)
            taken.append(call)
            _grow(call, delta)
            call.is_clients = call.is_clients or self._is_clients(call, delta)
            if call.is_clients:
                told = self._given(call, delta)
                changed = changed or told is not delta
                given.append(told)
            else:
                call.held.append(delta)
                changed = True
        return given if changed else deltas

    def release(self) -> list[Any]:
        """At the end of the message: the calls that were kept back and are not hidden after all."""
        released = []
        for call in self._calls:
            if not call.is_clients and not self._is_hidden(call):
                call.is_clients = True
                last = call.held.pop()
                released.append(self._given(call, last))
        return released

    def _is_hidden(self, call: _Call) -> bool:
        return not call.is_clients and call.name in self._names

    def _is_clients(self, call: _Call, delta: dict[str, Any]) -> bool:
        if call.name in self._names:
            return False
        if type(delta.get("custom")) is dict or (call.name and call.arguments):
            # With the arguments the name is over.
            return True
        return not any(name.startswith(call.name) for name in self._names)

    def _given(self, call: _Call, delta: dict[str, Any]) -> dict[str, Any]:
        told = delta
        if call.held:
            whole = ToolCalls()
            for part in (*call.held, delta):
                whole.add([{**part, "index": 0}])
            told = {**whole.result()[0]}
            if call.index is not None:
                told = {"index": call.index, **told}
            call.held = []
        if call.place < 0:
            call.place = self.given
            self.given += 1
        if type(delta.get("index")) is int and delta["index"] != call.place and self.holds:
            told = {**told, "index": call.place}
        return told

    def _of(self, delta: dict[str, Any], taken: list[_Call]) -> _Call:
        index = delta.get("index")
        index = index if type(index) is int else None
        id_ = delta.get("id")
        id_ = id_ if type(id_) is str else ""
        name = _inner(delta).get("name")
        name = name if type(name) is str else ""
        call = self._found(index, id_, name, taken)
        if call is None:
            call = _Call(index)
            self._calls.append(call)
        return call

    def _found(self, index: int | None, id_: str, name: str, taken: list[_Call]) -> _Call | None:
        if index is not None:
            call = next((call for call in reversed(self._calls) if call.index == index), None)
            if call is None:
                return None
            if id_ and call.id and id_ != call.id:
                return self._with_id(id_) if name else call
            return None if name and not id_ and _begins_another(call, name) else call
        if id_:
            return self._with_id(id_)
        last = self._calls[-1] if self._calls else None
        if last is None or (name and (any(last is call for call in taken) or _begins_another(last, name))):
            return None
        return last

    def _with_id(self, id_: str) -> _Call | None:
        return next((call for call in self._calls if call.id == id_), None)


def _grow(call: _Call, delta: dict[str, Any]) -> None:
    inner = _inner(delta)
    if not call.id and type(id_ := delta.get("id")) is str:
        call.id = id_
    if type(name := inner.get("name")) is str and name != call.name:
        call.name += name
    given = inner.get("arguments") or inner.get("input")
    if isinstance(given, str):
        call.arguments += given
    elif given:
        call.arguments += jsonio.dumps(given).decode()


def _begins_another(call: _Call, name: str) -> bool:
    if not call.arguments:
        return False
    if call.name != name:
        return True
    try:
        jsonio.loads(call.arguments)
    except jsonio.BadJson:
        return False
    return True


def _inner(delta: dict[str, Any]) -> dict[str, Any]:
    for kind in ("function", "custom"):
        inner = delta.get(kind)
        if type(inner) is dict:
            return inner
    return {}
