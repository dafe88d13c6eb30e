"""The graph: near enough to exact, and it forgets what it is told to forget."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tailrace_plugins.semantic_cache.index.graph import Graph

SPOTS = np.eye(6, dtype=np.float32)
steps = st.lists(
    st.tuples(st.sampled_from(["add", "add", "remove"]), st.integers(0, 20), st.integers(0, 5)), max_size=60
)


@settings(deadline=None)
@given(steps)
def test_ids_that_share_a_vector_come_and_go_one_by_one(steps):
    ours, model = Graph(6), {}
    for verb, id, spot in steps:
        if verb == "add":
            ours.add(id, SPOTS[spot])
            model[id] = spot
        else:
            assert ours.remove(id) == (model.pop(id, None) is not None)
        assert len(ours) == len(model)
    assert ours.live() == sorted(model)
    for spot in range(6):
        best = sorted((id for id, here in model.items() if here == spot), reverse=True)
        found = ours.search(SPOTS[spot], 3)
        assert [id for id, score in found if score > 0.99] == best[:3]
    if model:
        ids = sorted(model)
        assert (ours.vectors(ids) == SPOTS[[model[id] for id in ids]]).all()


def test_most_of_the_nearest_are_found(made):
    ours = Graph(made.dimension)
    ours.add_many(range(len(made)), made.matrix)
    rng = np.random.default_rng(1)
    hits = 0
    for n in range(200):
        asked = (made.matrix[n] + rng.standard_normal(made.dimension) * 0.05).astype(np.float32)
        hits += ours.search(asked, 1)[0][0] == made.nearest(asked.tobytes(), list(range(len(made))), 1)[0]
    assert hits >= 196


def test_copies_do_not_tear_it_apart(made):
    ours = Graph(made.dimension)
    ours.add_many(range(1000), made.matrix[:1000])
    for copy in range(2000):
        ours.add(10_000 + copy, made.matrix[7])
    ours.add_many(range(1000, 2000), made.matrix[1000:2000])
    assert len(ours) == 4000
    assert sum(ours.search(made.matrix[n], 1)[0][0] == n for n in range(2000) if n != 7) >= 1960
    assert [id for id, _ in ours.search(made.matrix[7], 3)] == [11_999, 11_998, 11_997]


def test_it_grows(made):
    ours = Graph(made.dimension, 1)
    for n in range(1500):
        ours.add(n, made.matrix[n])
    assert len(ours) == 1500 and ours.deleted == 0
    assert ours.size_bytes > 1500 * made.dimension * 4


def test_removed_and_replaced_nodes_are_counted(made):
    ours = Graph(made.dimension)
    ours.add_many(range(10), made.matrix[:10])
    ours.add(0, made.matrix[0])
    assert ours.deleted == 0
    ours.add(0, made.matrix[20])
    assert ours.remove(1) and not ours.remove(1) and 1 not in ours
    assert ours.deleted == 2 and len(ours) == 9
    assert 1 not in [id for id, _ in ours.search(made.matrix[1], 9)]


def test_hardly_anything_left_among_the_removed(made):
    ours = Graph(made.dimension)
    ours.add_many(range(2000), made.matrix[:2000])
    for n in range(1997):
        ours.remove(n)
    assert {id for id, _ in ours.search(made.matrix[0], 10)} <= {1997, 1998, 1999}
    for n in range(1997, 2000):
        ours.remove(n)
    assert ours.search(made.matrix[0], 10) == [] and len(ours) == 0


def test_saved_and_loaded(made, tmp_path):
    ours = Graph(made.dimension)
    ours.add_many(range(1500), made.matrix[:1500])
    ours.add(5000, made.matrix[3])
    ours.remove(4)
    labels = ours.save(tmp_path / "graph")
    again = Graph.load(tmp_path / "graph", made.dimension, labels, 2000)
    assert again.live() == ours.live() and again.deleted == 1
    again.add(6000, made.matrix[2000])
    for n in (0, 3, 4, 2000):
        assert again.search(made.matrix[n], 5)[0][0] == {3: 5000, 2000: 6000}.get(
            n, again.search(made.matrix[n], 5)[0][0]
        )
    assert 4 not in [id for id, _ in again.search(made.matrix[4], 10)]


@pytest.mark.parametrize("labels", [{1: 10_000}, {1: 0, 2: 77}])
def test_labels_that_are_not_in_the_file(made, tmp_path, labels):
    ours = Graph(made.dimension)
    ours.add(1, made.matrix[1])
    ours.save(tmp_path / "graph")
    assert Graph.load(tmp_path / "graph", made.dimension, labels, 10) is None
    assert Graph.load(tmp_path / "absent", made.dimension, labels, 10) is None
