import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace_plugins.semantic_cache.verifier import decide, paraphrase
from tailrace_plugins.semantic_cache.verifier.tokens import lossless, tokenise
from tailrace_plugins.semantic_cache.verifier.weights import WEIGHTS


def reading(text):
    return decide._reading(tuple(tokenise(lossless(text))), "en").words


def features(one, other, similarity=0.9):
    return paraphrase.features(reading(one), reading(other), similarity)


def likelihood(one, other, similarity=0.9):
    return paraphrase.likelihood(reading(one), reading(other), similarity)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("How many eggs do 3 hens lay?", "What number of eggs can be expected from 4 hens?"),
        ("How do I get to Rome by train?", "What train takes me to Milan quickly?"),
        ("What should I eat before a race?", "What kind of food is good for me after a race?"),
        ("Which shops are cheap in town?", "Where in town are expensive places to shop?"),
        ("Why do cats not like water?", "What is it that makes cats like water?"),
        ("How does Ann know Ben?", "What does Ben have to do with how he knows Ann?"),
        ("Delete the old branch now", "Get rid of the branch that is old"),
        ("Is it safe to eat snow?", "Does eating snow do people any harm?"),
        ("What does `ls -a` show?", "What kind of files are listed with `ls -l`?"),
    ],
)
def test_what_must_be_equal_is_never_judged(one, other):
    assert features(one, other) is None and likelihood(one, other) == 0.0


def test_the_same_question_in_other_words_is_likely_and_a_small_change_is_not():
    likely = likelihood("What helps against hiccups?", "how can somebody get rid of the hiccups quickly", 0.93)
    unlikely = likelihood("How do I clean a leather sofa?", "How do I clean a velvet sofa?", 0.93)
    assert likely > unlikely


def test_more_similar_is_more_likely():
    pair = "What helps against hiccups?", "how can somebody get rid of the hiccups quickly"
    rising = [likelihood(*pair, similarity / 20) for similarity in range(1, 21)]
    assert rising == sorted(rising) and rising[0] < 0.1


@pytest.mark.parametrize("similarity", [0.0, -1.0, 1.5, float("nan")])
def test_odd_similarities_are_not_judged(similarity):
    assert likelihood("What helps against hiccups?", "What is good against hiccups", similarity) == 0.0


def test_words_that_begin_alike_are_paired():
    found = features("What makes the sea salty?", "What puts salt into the sea?")
    assert found is not None and found["like_words"] == 1.0


def test_the_weights_are_of_the_features_there_are():
    found = features("What makes the sea salty?", "What puts salt into the sea?")
    assert found is not None and list(found) == list(WEIGHTS)


@given(st.text(max_size=60), st.text(max_size=60), st.floats(0.01, 1.0))
def test_it_never_raises(one, other, similarity):
    assert 0.0 <= likelihood(one, other, similarity) <= 1.0
