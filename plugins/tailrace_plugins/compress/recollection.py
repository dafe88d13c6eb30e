"""What is known of a session: in memory, and on a disk that outlasts the process and is shared by those of one host."""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, Final

from tailrace_plugins.compress.chain import Links
from tailrace_plugins.compress.kept.joining import joined
from tailrace_plugins.compress.kept.store import Store
from tailrace_plugins.compress.locate import after_answers, is_models
from tailrace_plugins.compress.memory import Known, Memory

_MOST_PRIVATE: Final = 10_000


class Recollection:
    """Serves all requests at once. Without a store, what is known is lost with the process."""

    def __init__(self) -> None:
        self._store: Store | None = None
        self._private: OrderedDict[str, None] = OrderedDict()

    def open(self, store: Store) -> None:
        """Keep on this disk what is decided from now on."""
        self._store = store

    async def aclose(self) -> None:
        """Write what is still to be written."""
        store, self._store = self._store, None
        if store is not None:
            await store.aclose()

    def told(self, session: str, before: Known | None, after: Known) -> None:
        """Something was decided; it is on the disk within a tenth of a second, but for sessions that are private."""
        if self._store is not None and session not in self._private:
            self._store.keep(session, before, after)

    def keep_private(self, session: str) -> None:
        """Nothing more of this session goes to the disk: its client wants nothing stored."""
        self._private[session] = None
        if len(self._private) > _MOST_PRIVATE:
            self._private.popitem(last=False)

    async def of(self, session: str, memory: Memory, chain: Links, messages: Sequence[Any]) -> Known | None:
        """What is known of a session. The disk is asked where a request goes on from an answer of which this process
        knows nothing: it was begun before a restart, or went on in another process.
        """
        known = memory.get(session)
        if self._store is None or not session or session in self._private or _is_known(known, chain, messages):
            return known
        stored = await self._store.load(session)
        # Another request of the session may have been here meanwhile.
        known = memory.get(session)
        if stored is None:
            return known
        both = joined(known, stored) if known is not None else stored
        memory.adopt(session, both)
        return both


def _is_known(known: Known | None, chain: Links, messages: Sequence[Any]) -> bool:
    """Whether what stands before the model's last answer is known, if there is one."""
    answered = after_answers(messages)
    while answered and is_models(messages[answered - 1]):
        answered -= 1
    if not any(map(is_models, messages[: answered + 1])):
        return True
    return known is not None and known.so_far(chain) >= answered
