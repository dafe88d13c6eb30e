"""Many vectors: an HNSW graph (Malkov and Yashunin, 2016), by hnswlib."""

import contextlib
from collections.abc import Mapping, Sequence
from heapq import nlargest
from pathlib import Path
from typing import Any, Final

import hnswlib
import numpy as np

from tailrace_plugins.semantic_cache.index.vectors import Matrix, Vector

LINKS: Final = 16
"""hnswlib's M: links of a node on each layer above the lowest, which has twice as many."""
BUILD_EFFORT: Final = 100
"""hnswlib's ef_construction. Measured on 98,000 MiniLM vectors, two thirds of them near duplicates: 200 takes twice as
long to build and finds no more."""
SEARCH_EFFORT: Final = 96
"""hnswlib's ef. Measured there: the nearest is found for 99.6% of changed questions in 0.2 ms (64: 99.35%)."""
_TWIN_EFFORT: Final = 24
_TWIN_DISTANCE: Final = 2e-6
"""1 - cosine. The same text embedded in another batch differs by less; a score taken from a twin is off by 0.002."""
_NODE_BYTES: Final = 8 * LINKS + 12 + 80
"""What a node costs beside its components: links, label, flags, hnswlib's own table of labels."""
_ID_BYTES: Final = 200
"""What an id costs in our two tables."""
_LEAST_ROOM: Final = 1024


class Graph:
    """Ids and their vectors as a graph of neighbours.

    Ids of the same vector share a node: nodes without distance between them link to each other only, and the graph
    falls apart (measured: 3,000 copies in 66,000 took recall from 99% to 89%).

    Not thread-safe: hnswlib must not be searched while it is added to. A node that is removed is only marked, and goes
    on taking memory until the graph is built anew. Adding and searching release the GIL.
    """

    def __init__(self, dimension: int, room: int = 0) -> None:
        self._dimension = dimension
        self._index: Any = hnswlib.Index("ip", dimension)
        self._index.init_index(max(room, _LEAST_ROOM), M=LINKS, ef_construction=BUILD_EFFORT)
        self._settle({}, 0)

    def _settle(self, labels: Mapping[int, int], next_label: int) -> None:
        self._index.set_num_threads(1)
        self._index.set_ef(SEARCH_EFFORT)
        self._label = dict(labels)
        self._ids: dict[int, int | set[int]] = {}
        for id, label in labels.items():
            self._join(id, label)
        self._next_label = next_label

    def __len__(self) -> int:
        return len(self._label)

    def __contains__(self, id: int) -> bool:
        return id in self._label

    @property
    def deleted(self) -> int:
        """Nodes that are marked as removed."""
        return int(self._index.get_current_count()) - len(self._ids)

    @property
    def size_bytes(self) -> int:
        """Memory in use, removed nodes included."""
        nodes = int(self._index.get_current_count())
        return nodes * (self.node_bytes(self._dimension) - _ID_BYTES) + len(self._label) * _ID_BYTES

    @staticmethod
    def node_bytes(dimension: int) -> int:
        """Memory of one node and its id."""
        return 4 * dimension + _NODE_BYTES + _ID_BYTES

    def add(self, id: int, vector: Vector) -> None:
        """Add, or replace. About 0.3 ms among 100,000 of 384 components."""
        twin = self._twin(vector)
        if (before := self._label.get(id)) is not None:
            if before == twin:
                return
            self.remove(id)
            # Gone with its last id.
            twin = twin if twin in self._ids else None
        if twin is None:
            twin = self._next_label
            self._next_label += 1
            if int(self._index.get_current_count()) == (room := int(self._index.get_max_elements())):
                self._index.resize_index(room * 3 // 2)
            self._index.add_items(vector.reshape(1, -1), [twin], num_threads=1)
        self._label[id] = twin
        self._join(id, twin)

    def add_many(self, ids: Sequence[int], vectors: Matrix) -> None:
        """Add, or replace, a row of `vectors` for each of `ids`."""
        for id, vector in zip(ids, vectors, strict=True):
            self.add(id, vector)

    def _twin(self, vector: Vector) -> int | None:
        """The node of the same vector."""
        found = self._nearest(vector, 1, _TWIN_EFFORT)
        return found[0][0] if found and found[0][1] < _TWIN_DISTANCE else None

    def _join(self, id: int, label: int) -> None:
        ids = self._ids.get(label)
        if ids is None:
            self._ids[label] = id
        elif isinstance(ids, set):
            ids.add(id)
        else:
            self._ids[label] = {ids, id}

    def remove(self, id: int) -> bool:
        """Take an id out, and mark its node if it was the only one there; False if it is not in."""
        label = self._label.pop(id, None)
        if label is None:
            return False
        ids = self._ids[label]
        if isinstance(ids, set):
            ids.discard(id)
            if len(ids) == 1:
                self._ids[label] = ids.pop()
        else:
            del self._ids[label]
            self._index.mark_deleted(label)
        return True

    def search(self, vector: Vector, k: int) -> list[tuple[int, float]]:
        """The `k` nearest as far as the graph finds them, best first; among equals the highest id."""
        found: list[tuple[int, float]] = []
        for label, distance in self._nearest(vector, k, max(SEARCH_EFFORT, k)):
            ids = self._ids[label]
            if isinstance(ids, set):
                found.extend((id, 1.0 - distance) for id in nlargest(k, ids))
            else:
                found.append((ids, 1.0 - distance))
        return sorted(found, key=lambda one: (-one[1], -one[0]))[:k]

    def _nearest(self, vector: Vector, k: int, effort: int) -> list[tuple[int, float]]:
        """Nodes and their distances, nearest first."""
        k = min(k, len(self._ids))
        self._index.set_ef(max(effort, k))
        while k > 0:
            # hnswlib raises when fewer than k can be reached, which happens among many removed nodes.
            with contextlib.suppress(RuntimeError):
                labels, distances = self._index.knn_query(vector, k=k, num_threads=1)
                return list(zip(labels[0].tolist(), distances[0].tolist(), strict=True))
            k //= 2
        return []

    def live(self) -> list[int]:
        """The ids that are in, ascending."""
        return sorted(self._label)

    def vectors(self, ids: Sequence[int]) -> Matrix:
        """The vectors of `ids`, which must be in. Holds the GIL for 20 us each."""
        return np.asarray(self._index.get_items([self._label[id] for id in ids]), np.float32)

    def save(self, path: Path) -> dict[int, int]:
        """Write to `path`, and return which node each id has. Holds the GIL: 0.1 to 0.4 s for 100,000."""
        self._index.save_index(str(path))
        return dict(self._label)

    @classmethod
    def load(cls, path: Path, dimension: int, labels: Mapping[int, int], room: int) -> "Graph | None":
        """Read what `save` wrote and returned; None if it is not that.

        The file must be known to be unharmed: hnswlib believes what it reads. Holds the GIL, 0.13 s for 100,000.
        """
        graph = cls.__new__(cls)
        graph._dimension = dimension
        graph._index = hnswlib.Index("ip", dimension)
        try:
            graph._index.load_index(str(path), max_elements=max(room, _LEAST_ROOM))
        except RuntimeError:
            return None
        nodes = graph._index.get_ids_list()
        if not set(labels.values()).issubset(nodes):
            return None
        graph._settle(labels, max(nodes, default=-1) + 1)
        return graph
