import base64
from array import array

import pytest

from tailrace.sim.embeddings import vector, written
from tailrace.sim.errors import Refusal


def cosine(a, b):
    return sum(x * y for x, y in zip(vector(a, 1536), vector(b, 1536), strict=True))


def test_vectors_are_of_length_one_and_alike_where_the_words_are():
    question = "how do I reset my password"
    assert cosine(question, question) == pytest.approx(1.0, abs=1e-5)
    assert cosine(question, "how can I reset my password") > 0.6
    assert cosine(question, "rivers carry leaves towards seas") < 0.3


@pytest.mark.parametrize(("given", "vectors"), [("a", 1), (["a", "b"], 2), ([1, 2, 3], 1), ([[1, 2], [3]], 2)])
def test_inputs_of_every_form(given, vectors):
    made = written({"model": "m", "input": given, "dimensions": 16})
    assert [len(one["embedding"]) for one in made["data"]] == [16] * vectors
    assert made["usage"]["prompt_tokens"] > 0


def test_base64_holds_the_same_numbers():
    floats, packed = (
        written({"model": "m", "input": "a b", "encoding_format": form})["data"][0]["embedding"]
        for form in ("float", "base64")
    )
    assert array("f", base64.b64decode(packed)).tolist() == floats


@pytest.mark.parametrize("given", [None, "", [], [""], {"a": 1}, [None]])
def test_bad_input_is_refused(given):
    with pytest.raises(Refusal):
        written({"model": "m", "input": given})
