from typing import Any

import pytest

from tailrace_plugins.router.scorer.examples import SUFFICES, TIERS, asked, examples

RIGHT = {"weak_correct": True, "strong_correct": True}


@pytest.mark.parametrize(
    ("row", "gain"),
    [
        ({"prompt": "a", "weak_correct": False, "strong_correct": True}, 1.0),
        ({"prompt": "a", "weak_correct": True, "strong_correct": False}, -1.0),
        ({"prompt": "a", **RIGHT}, 0.0),
        ({"prompt": "a", "weak_correct": 0.5, "strong_correct": 0.75}, 0.25),
        ({"turns": ["a", "b"], "weak_scores": {"1": 6, "2": 8}, "strong_scores": {"1": 9.0, "2": 9.0}}, 0.2),
        ({"request": {"messages": [{"role": "user", "content": "a"}]}, "tier": "expert"}, 1 - SUFFICES[4]),
        ({"messages": [{"role": "user", "content": "a"}], **RIGHT}, 0.0),
    ],
)
def test_the_gain_of_a_row(row: dict[str, Any], gain: float) -> None:
    [found] = examples([row])
    assert found.gain == pytest.approx(gain)
    assert found.features.question == "a"


@pytest.mark.parametrize(
    "row",
    [
        {},
        {"prompt": "a"},
        {"prompt": "a", "weak_correct": True},
        {"prompt": "a", "weak_correct": "yes", "strong_correct": True},
        {"prompt": "a", "weak_scores": {}, "strong_scores": {"1": 3}},
        {"prompt": "a", "tier": "godlike"},
        {"prompt": "a", "contaminated": True, **RIGHT},
        {"turns": [], **RIGHT},
        {"request": 3, **RIGHT},
        {"messages": "a", **RIGHT},
    ],
)
def test_what_cannot_be_used_is_left_out(row: dict[str, Any]) -> None:
    assert examples([row]) == []


def test_a_row_names_its_source_weight_and_answer() -> None:
    [found] = examples([{"prompt": "a", "source": "own", "weight": 3, "strong_response": "42", **RIGHT}])
    assert (found.source, found.weight, found.answer) == ("own", 3.0, "42")
    [found] = examples([{"prompt": "a", "source": 1, "weight": -1, "strong_response": None, **RIGHT}])
    assert (found.source, found.weight, found.answer) == ("outcomes", 1.0, "")


def test_requests_of_three_endpoints_are_understood() -> None:
    for request in ({"messages": [{"role": "user", "content": "hi"}]}, {"input": "hi"}, {"prompt": "hi"}):
        found = asked({"request": request})
        assert found is not None and found.turns[-1].text == "hi"


def test_rows_that_differ_in_numbers_alone_are_one_group() -> None:
    one, other, third = examples(
        [{"prompt": text, **RIGHT} for text in ("Tom has 3 nuts.", "Tom has  14 nuts.", "Ann")]
    )
    assert one.group == other.group != third.group


def test_harder_tiers_suffice_less_often() -> None:
    assert list(SUFFICES) == sorted(SUFFICES, reverse=True)
    assert len(SUFFICES) == len(TIERS)
