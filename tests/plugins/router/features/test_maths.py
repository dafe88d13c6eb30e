import pytest

from tailrace_plugins.router.features.maths import measure


@pytest.mark.parametrize(
    ("text", "name", "count"),
    [
        ("he has 3 apples, 14 pears and 1,200 nuts", "numbers", 3),
        ("it costs 3.50", "decimals", 1),
        ("1200 people", "big_numbers", 1),
        ("20% of 50 percent", "percents", 2),
        ("1/2 of a quarter", "fractions", 2),
        ("¾ cup", "fractions", 1),
        ("$5 and $6", "money", 2),
        ("5 € und 6 €", "money", 2),
        ("x^2 + y = 3", "symbols", 3),
        ("∀x ∃y", "symbols", 2),
        ("plain words", "symbols", 0),
    ],
)
def test_counts(text: str, name: str, count: int) -> None:
    assert measure(text, text.split())[name] == count


@pytest.mark.parametrize("text", ["", "1" * 5_000, "1/" * 2_000, "1 / " * 2_000, "\ud800", "٣ + ٤"])
def test_nothing_is_too_strange(text: str) -> None:
    assert all(value >= 0 for value in measure(text, text.split()).values())
