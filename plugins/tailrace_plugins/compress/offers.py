"""The tools that the model is offered: the client's, smaller where that is wanted, and those that the proxy answers."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from threading import Lock
from typing import Any, Final, Literal

from tailrace.wire import jsonio
from tailrace.wire.endpoints import Shape
from tailrace_plugins.compress.definitions import Catalogue, catalogue, shortened, total, without_noise
from tailrace_plugins.compress.hidden.nouns import Tool
from tailrace_plugins.compress.hidden.offer import definition, may_offer, names_of
from tailrace_plugins.compress.passes.nouns import Count
from tailrace_plugins.compress.passes.verbatim import freedom
from tailrace_plugins.compress.planner import definitions_pay
from tailrace_plugins.compress.recall import RECALL, RECALL_TOKENS

Form = Literal["as-is", "trimmed", "shortened", "lazy"]

_MOST_KEPT: Final = 64
"""Lists of tools that are remembered; agents of one kind share one."""


@dataclass(frozen=True, slots=True)
class Offer:
    """The tools of one request. `tools` is None where they are the client's as they are.

    `hidden` are those that the proxy answers, `catalogue` what `load_tools` loads from. `before` and `after` are tokens
    of the definitions; where the client's are as they came, of what is added to them alone.
    """

    tools: Sequence[Any] | None = None
    hidden: tuple[Tool, ...] = ()
    catalogue: Catalogue | None = None
    before: int = 0
    after: int = 0
    form: bool = False
    """Whether the client's own tools are in another form than they came."""

    @property
    def recalls(self) -> bool:
        """Whether the model can ask for what is left out."""
        return RECALL in self.hidden

    @property
    def names(self) -> frozenset[str]:
        """Of the tools that the proxy answers."""
        return frozenset(tool.name for tool in self.hidden)


@dataclass(frozen=True, slots=True)
class Smaller:
    """The client's tools in a smaller form, None where there is nothing to gain, and the tokens of both."""

    tools: Sequence[Any] | None
    catalogue: Catalogue | None
    before: int
    after: int


class Definitions:
    """Makes tools smaller, each list of them once: the same list always becomes the same, byte for byte."""

    def __init__(self, form: Form, description_chars: int, lazy_from_tokens: int, count: Count) -> None:
        self._form = form
        self._chars = description_chars
        self._lazy_from = lazy_from_tokens
        self._count = count
        self._kept: OrderedDict[tuple[Shape, bool, bytes], Smaller] = OrderedDict()
        self._lock = Lock()

    def of(self, shape: Shape, tools: Sequence[Any], *, lazily: bool) -> Smaller:
        """The smaller form. Takes milliseconds for a list that was not seen before (see `knows`); from any thread."""
        key = (shape, lazily, _digest(tools))
        with self._lock:
            made = self._kept.get(key)
            if made is None:
                made = self._kept[key] = self._made(shape, tools, lazily=lazily)
                if len(self._kept) > _MOST_KEPT:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(key)
            return made

    def knows(self, shape: Shape, tools: Sequence[Any]) -> bool:
        """Whether a list was seen before."""
        digest = _digest(tools)
        return (shape, False, digest) in self._kept or (shape, True, digest) in self._kept

    def _made(self, shape: Shape, tools: Sequence[Any], *, lazily: bool) -> Smaller:
        before = total(tools, self._count)
        smaller: Sequence[Any] = without_noise(shape, tools)
        if self._form == "shortened":
            smaller = shortened(shape, smaller, self._chars)
        index = None
        if lazily and before >= self._lazy_from:
            index = catalogue(shape, smaller, self._count)
        if index is not None:
            smaller = index.with_loaded(())
        after = total(smaller, self._count)
        if not definitions_pay(before, after):
            return Smaller(None, None, before, before)
        return Smaller(smaller, index, before, after)


def _digest(tools: Sequence[Any]) -> bytes:
    return blake2b(jsonio.dumps(list(tools)), digest_size=16).digest()


def offer_of(
    shape: Shape,
    payload: Mapping[str, Any],
    *,
    recall: bool,
    form: Form,
    definitions: Definitions,
    loaded: Sequence[str],
    count: Count,
) -> Offer:
    """What a request offers: the client's tools in that form, those of them that are `loaded` in order, and with
    `recall` the tool that brings back what was left out, where a client can have it (`may_offer`).
    """
    tools = payload.get("tools")
    if type(tools) is not list or not tools:
        return Offer()
    hidden: list[Tool] = []
    made: Sequence[Any] = tools
    more: Sequence[Any] = ()
    index: Catalogue | None = None
    before = after = 0
    if form != "as-is":
        lazily = form == "lazy" and may_offer(shape, payload, ()) is None
        smaller = definitions.of(shape, tools, lazily=lazily)
        before, after, index = smaller.before, smaller.after, smaller.catalogue
        made = tools if smaller.tools is None else smaller.tools
        if index is not None:
            more = index.with_loaded(loaded)[len(made) :]
            hidden.append(index.tool)
    changed = made is not tools
    if recall and may_offer(shape, payload, (RECALL,)) is None:
        # In front of those that are loaded one by one, so that they only grow at the end.
        made = [*made, definition(shape, RECALL)]
        after += RECALL_TOKENS
        hidden.append(RECALL)
    if made is tools:
        return Offer()
    after += total(more, count) if more else 0
    return Offer([*made, *more], tuple(hidden), index, before, after, form=changed)


def works_on_files(payload: Mapping[str, Any]) -> bool:
    """Whether the client has tools that read files or run commands: their results grow long."""
    return any(freedom(name, "") != "all" for name in names_of(payload.get("tools") or ()))


def chosen(payload: Mapping[str, Any]) -> tuple[str, ...]:
    """The tools that the client wants called, or only allows: they must be defined."""
    choice = payload.get("tool_choice")
    if type(choice) is not dict:
        return ()
    allowed = choice.get("allowed_tools", choice)
    listed = allowed.get("tools") if type(allowed) is dict else None
    return (*names_of([choice]), *names_of(listed if type(listed) is list else ()))
