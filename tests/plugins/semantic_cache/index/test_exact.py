"""The matrix agrees with a dict that is searched by hand."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tailrace_plugins.semantic_cache.index.exact import Exact

SPOTS = np.eye(6, dtype=np.float32)
steps = st.lists(
    st.tuples(st.sampled_from(["add", "add", "remove"]), st.integers(0, 40), st.integers(0, 5)), max_size=80
)


@settings(deadline=None)
@given(steps, st.integers(1, 50))
def test_it_agrees_with_a_dict(steps, k):
    ours, model = Exact(6), {}
    for verb, id, spot in steps:
        if verb == "add":
            ours.add(id, SPOTS[spot])
            model[id] = spot
        else:
            assert ours.remove(id) == (model.pop(id, None) is not None)
        assert len(ours) == len(model)
    assert ours.live() == sorted(model) and all(id in ours for id in model)
    for spot in range(6):
        expected = sorted(((id, float(here == spot)) for id, here in model.items()), key=lambda one: (-one[1], -one[0]))
        found = ours.search(SPOTS[spot], k)
        assert [score for _, score in found] == [score for _, score in expected[:k]]
        at_spot = {id for id, score in expected if score}
        assert {id for id, score in found if score} <= at_spot
        if k >= len(model):
            assert found == expected
    if model:
        ids = sorted(model)
        assert (ours.vectors(ids) == SPOTS[[model[id] for id in ids]]).all()


def test_memory_is_what_is_in_it():
    ours = Exact(384)
    assert ours.size_bytes == 0
    for id in range(100):
        ours.add(id, np.full(384, 0.05, np.float32))
    assert 100 * 384 * 4 < ours.size_bytes < 100 * 384 * 4 * 1.2
