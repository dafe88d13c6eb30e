import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace_plugins.router.cascade.agreement import agreement, likeness
from tailrace_plugins.router.cascade.reading import Answer, Call


def calls(*pairs):
    return Answer(calls=tuple(Call(*pair) for pair in pairs))


@pytest.mark.parametrize(
    ("one", "other", "least", "most"),
    [
        ("Paris", "Paris", 1, 1),
        ("Paris", " paris. ", 1, 1),
        ("Paris", "London", 0, 0),
        ('{"a": 1, "b": 2}', '{"b":2,"a":1}', 1, 1),
        ('{"a": 1, "b": 2}', '{"a": 1, "b": 3}', 0.5, 0.5),
        ("[1]", "[2]", 0, 0),
        ("We add 2 and 2, so the answer is 4.", "Doubling two gives four. The answer is **4**", 1, 1),
        ("Long talk.\n#### 1,200", "Another way.\n#### 1200", 1, 1),
        ("The answer is 4.", "The answer is 5.", 0, 0),
        (r"Hence \boxed{x+1}", r"So \boxed{x+1}", 1, 1),
        ("Die Antwort ist 7", "Antwort: 7", 1, 1),
        ("The capital of France is Paris on the Seine.", "Paris, on the Seine, is the capital of France.", 0.9, 1),
        ("The capital of France is Paris.", "Use a hash map with linear probing instead.", 0, 0.1),
        ("法国的首都是巴黎", "巴黎是法国的首都", 1, 1),
        ("", "Paris", 0, 0),
    ],
)
def test_texts(one, other, least, most):
    assert least <= likeness(Answer(one), Answer(other)) <= most


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        (calls(("f", '{"a": 1, "b": 2}')), calls(("f", '{"a":1,"b":2}')), 1),
        (calls(("f", "{}"), ("g", "{}")), calls(("g", "{}"), ("f", "{}")), 1),
        (calls(("f", '{"a": 1}')), calls(("f", '{"a": 2}')), 0),
        (calls(("f", "{}")), Answer("I would call f."), 0),
        (Answer(broken=True), Answer(broken=True), 0),
    ],
)
def test_calls_and_failures(one, other, alike):
    assert likeness(one, other) == alike


def test_the_mean_over_samples():
    assert agreement(Answer("Paris"), [Answer("Paris"), Answer("London")]) == 0.5
    with pytest.raises(ValueError, match="nothing"):
        agreement(Answer("x"), [])


@given(st.text(), st.text())
def test_bounded_and_the_same_both_ways(one, other):
    here = likeness(Answer(one), Answer(other))
    assert 0 <= here <= 1 and here == likeness(Answer(other), Answer(one))


def test_long_texts_cost_little():
    for text in ("answer is " * 100_000, "#" * 1_000_000, "1," * 500_000, "[" * 1_000_000):
        likeness(Answer(text), Answer(text + "."))
