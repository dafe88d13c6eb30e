"""The vectors of one partition: a matrix while they are few, a graph when they are many."""

import random
import threading
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from pathlib import Path
from typing import Final

from tailrace_plugins.semantic_cache.index.exact import Exact
from tailrace_plugins.semantic_cache.index.graph import Graph
from tailrace_plugins.semantic_cache.index.vectors import Vector, parsed

EXACT_LIMIT: Final = 2000
"""So many vectors are searched whole; more are worth a graph."""
_CHUNK: Final = 128
"""Vectors added at once while building: between chunks it looks whether it is to stop."""
_READ_CHUNK: Final = 64
"""Vectors read at once from a graph, which holds the GIL for 1.5 ms."""
_SHORT_JOURNAL: Final = 16
"""Changes made up for under the lock, 0.3 ms each, before the new form takes over; doubles with each attempt, so that a
busy writer cannot put it off for ever."""
_BASE_BYTES: Final = 2048
_MAX_ID: Final = 2**63 - 1


def _never() -> bool:
    return False


class Partition:
    """Ids and their vectors, and which are nearest to another.

    Thread-safe; each call but `build`, `add_many` and `write` takes about a millisecond at most. As it grows or
    empties, a better form may be due: then `needs_build` is true, and `build` makes it, in a thread, while all else
    goes on with the old one.
    """

    def __init__(self, dimension: int, expected: int = 0) -> None:
        """For vectors of `dimension` components; where more than EXACT_LIMIT are `expected`, as a graph at once."""
        self.dimension = dimension
        self.changes = 0
        """Goes up with each vector added or removed."""
        self.saved_changes = -1
        """`changes` when it was written or read; -1 before."""
        self._lock = threading.Lock()
        self._form: Exact | Graph = Exact(dimension) if expected <= EXACT_LIMIT else Graph(dimension, expected)
        # While building: what each id has become meanwhile.
        self._journal: dict[int, Vector | None] | None = None

    def __len__(self) -> int:
        return len(self._form)

    @property
    def size_bytes(self) -> int:
        """Memory it takes, estimated; while `build` runs it takes up to twice as much."""
        return _BASE_BYTES + self._form.size_bytes

    @staticmethod
    def bytes_per_vector(dimension: int) -> int:
        """The most one more vector adds to `size_bytes`."""
        return max(Exact.row_bytes(dimension), Graph.node_bytes(dimension))

    @staticmethod
    def room(size_bytes: int, dimension: int) -> int:
        """How many vectors fit into `size_bytes`; 0 or less for none."""
        return (size_bytes - _BASE_BYTES) // Partition.bytes_per_vector(dimension)

    def add(self, id: int, vector: bytes) -> None:
        """Add the vector of `id`, or replace it. Raises ValueError for a negative id or what is no vector."""
        if not 0 <= id <= _MAX_ID:
            raise ValueError("an id is a number from 0 to 2^63 - 1")
        values = parsed(vector, self.dimension)
        with self._lock:
            self._form.add(id, values)
            self._changed(id, values)

    def add_many(self, items: Iterable[tuple[int, bytes]], stop: Callable[[], bool] = _never) -> int:
        """Add all `items`; returns how many were left out as no vectors. For a thread: about 0.3 ms each in a graph."""
        bad, rest = 0, iter(items)
        while not stop() and (chunk := list(islice(rest, _CHUNK))):
            for id, vector in chunk:
                try:
                    self.add(id, vector)
                except ValueError:
                    bad += 1
        return bad

    def remove(self, id: int) -> None:
        """Take `id` out, if it is in."""
        with self._lock:
            if self._form.remove(id):
                self._changed(id, None)

    def _changed(self, id: int, values: Vector | None) -> None:
        self.changes += 1
        if self._journal is not None:
            self._journal[id] = values

    def search(self, vector: bytes, k: int) -> list[tuple[int, float]]:
        """Up to `k` ids and their cosines to `vector`, highest first. Raises ValueError for what is no vector."""
        values = parsed(vector, self.dimension)
        with self._lock:
            return self._form.search(values, k)

    @property
    def is_graph(self) -> bool:
        """Whether it is one by now: what is worth saving."""
        return isinstance(self._form, Graph)

    @property
    def needs_build(self) -> bool:
        """Whether another form is due: a first graph, one without the removed nodes, or none any more."""
        if self._journal is not None:
            return False
        if isinstance(self._form, Exact):
            return len(self._form) > EXACT_LIMIT
        return len(self._form) <= EXACT_LIMIT // 2 or self._form.deleted * 2 > len(self._form)

    def build(self, stop: Callable[[], bool] = _never) -> bool:
        """Make the form that is due; returns whether it was made. For a thread: about 0.3 ms for each vector.

        Searches, additions and removals go on meanwhile. `stop` is asked every 0.1 s; stopped, all stays as it was.
        """
        with self._lock:
            if not self.needs_build:
                return False
            self._journal = {}
            old = self._form
            ids = old.live()
        # In their order, which follows the topics of the day, the graph comes out worse (recall 99.1% for 99.6%).
        random.Random(0).shuffle(ids)
        try:
            form: Exact | Graph = (
                Exact(self.dimension) if len(ids) <= EXACT_LIMIT else Graph(self.dimension, len(ids) * 5 // 4)
            )
            for at in range(0, len(ids), _READ_CHUNK):
                if stop():
                    return False
                with self._lock:
                    # Those removed meanwhile cannot be read, and need not be.
                    here = [id for id in ids[at : at + _READ_CHUNK] if id in old]
                    vectors = old.vectors(here) if here else None
                if vectors is not None:
                    form.add_many(here, vectors)
            return self._take_over(form, stop)
        finally:
            with self._lock:
                self._journal = None

    def _take_over(self, form: Exact | Graph, stop: Callable[[], bool]) -> bool:
        """Make up for what has changed meanwhile, then put `form` in place."""
        short = _SHORT_JOURNAL
        while not stop():
            with self._lock:
                changed, self._journal = self._journal or {}, {}
                if len(changed) <= short:
                    _replay(form, changed)
                    self._form, self._journal = form, None
                    return True
            _replay(form, changed)
            short *= 2
        return False

    def write(self, path: Path) -> tuple[dict[int, int], int] | None:
        """Write the graph to `path`; the node of each id, and `changes` as they were. None, and no file, without."""
        with self._lock:
            if not isinstance(self._form, Graph):
                return None
            return self._form.save(path), self.changes

    @classmethod
    def read(cls, path: Path, dimension: int, labels: Mapping[int, int], room: int) -> "Partition | None":
        """What `write` wrote, with the nodes it returned and room for `room` vectors; None if it is not that."""
        graph = Graph.load(path, dimension, labels, room)
        if graph is None:
            return None
        partition = cls(dimension)
        partition._form = graph
        partition.saved_changes = 0
        return partition

    def live(self) -> list[int]:
        """The ids that are in, ascending."""
        with self._lock:
            return self._form.live()


def _replay(form: Exact | Graph, changed: Mapping[int, Vector | None]) -> None:
    for id, values in changed.items():
        if values is None:
            form.remove(id)
        else:
            form.add(id, values)
