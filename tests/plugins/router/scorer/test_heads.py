import math
from array import array

import pytest

from tailrace_plugins.router.scorer.heads import EMBEDDING_SIZE, Head, logistic, unpacked

HEAD = Head(1.0, {"length": -0.5, "options": 0.2, "maths": -0.1}, {"length": 0.3})


def unit(size: int = EMBEDDING_SIZE) -> array:
    return array("f", [1.0 / math.sqrt(size)] * size)


def test_parts_are_the_bias_and_every_term_that_is_there() -> None:
    assert [(part.name, part.value, part.weight) for part in HEAD.parts({"length": 2.0, "maths": 0.0})] == [
        ("bias", 1.0, 1.0),
        ("length", 2.0, -0.5),
    ]


def test_questions_with_options_have_weights_besides() -> None:
    found = {part.name: part.weight for part in HEAD.parts({"length": 2.0, "options": 1.0})}
    assert found["length"] == pytest.approx(-0.2)


def test_the_embedding_is_one_part() -> None:
    head = Head(0.0, {}, {}, tuple([0.5] * EMBEDDING_SIZE), tuple([-0.5] * EMBEDDING_SIZE))
    meaning = head.parts({}, unit())[-1]
    assert meaning.name == "meaning"
    assert meaning.value == pytest.approx(0.5 * math.sqrt(EMBEDDING_SIZE), rel=1e-5)
    assert head.parts({"options": 1.0}, unit())[-1].value == pytest.approx(-meaning.value)
    assert [part.name for part in head.parts({})] == ["bias"]


@pytest.mark.parametrize(("logit", "p"), [(0.0, 0.5), (2.0, 0.8808), (1e9, 1.0), (-1e9, 0.0)])
def test_logistic(logit: float, p: float) -> None:
    assert logistic(logit) == pytest.approx(p, abs=1e-4)


def test_a_vector_is_read() -> None:
    found = unpacked(unit().tobytes())
    assert found is not None and len(found) == EMBEDDING_SIZE


@pytest.mark.parametrize(
    "given",
    [
        None,
        b"",
        unit(768).tobytes(),
        unit().tobytes()[:-1],
        bytes(4 * EMBEDDING_SIZE),
        array("f", [math.nan] * EMBEDDING_SIZE).tobytes(),
        array("f", [math.inf] * EMBEDDING_SIZE).tobytes(),
        array("f", [1.0] * EMBEDDING_SIZE).tobytes(),
    ],
    ids=["none", "empty", "other size", "cut", "zero", "nan", "infinity", "no unit vector"],
)
def test_what_is_no_vector_of_that_model_is_ignored(given: bytes | None) -> None:
    assert unpacked(given) is None
