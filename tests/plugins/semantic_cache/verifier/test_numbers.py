"""Notations of one number are one; other numbers stay others."""

import pytest

from tailrace_plugins.semantic_cache.verifier.numbers import unify


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("twelve", "12"),
        ("twenty five", "25"),
        ("two hundred and five", "205"),
        ("three thousand", "3000"),
        ("one two", "1 2"),
        ("10,000", "10000"),
        ("1,00,000", "100000"),
        ("3,5", "3,5"),
        ("5k", "5000"),
        ("1.5 million", "1500000"),
        ("2.0", "2"),
        ("$ 20", "20 dollar"),
        ("20 bucks", "20 dollar"),
        ("50 %", "50 percent"),
        ("5 km", "5 kilometer"),
        ("5km", "5 kilometer"),
        ("2 hrs", "2 hour"),
        ("5 pm", "17h00"),
        ("5:30pm", "17h30"),
        ("17:00", "17h00"),
        ("12 am", "0h00"),
        ("third", "3rd"),
        ("may 3rd , 2023", "d3.5.2023"),
        ("3 may 2023", "d3.5.2023"),
        ("3rd of may", "d3.5"),
        ("2023 - 05 - 03", "d3.5.2023"),
        ("may i go", "may i go"),
        ("the 3 of us", "the 3 of us"),
    ],
)
def test_one_notation(words: str, expected: str) -> None:
    assert " ".join(unify(words.split())) == expected


def test_units_are_never_converted() -> None:
    assert unify(["60", "min"]) != unify(["1", "hour"])
