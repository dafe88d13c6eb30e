import re

import pytest

from tailrace.sim.dice import Dice
from tailrace.sim.strings import plausible, with_pattern


@pytest.mark.parametrize(
    "pattern",
    [
        "^abc$",
        r"^\d{4}-\d{2}-\d{2}$",
        "^[a-z0-9_-]+$",
        "^(?P<kind>cat|dog)s?$",
        r"^[^\s]{5}$",
        r"^v\d+\.\d+\.\d+$",
        "^#[0-9a-fA-F]{6}$",
        "^a*b?c+$",
        "x{2,}",
    ],
)
def test_a_made_string_matches_its_pattern(pattern):
    for seed in range(20):
        assert re.search(pattern, with_pattern(pattern, Dice(seed)))


@pytest.mark.parametrize("pattern", ["(a+)+$", "[", "(", "a{", "\\", "*", "(?=x)y", ")"])
def test_no_pattern_stalls_or_breaks_it(pattern):
    assert isinstance(with_pattern(pattern, Dice(1)), str)


def test_a_value_fits_the_name_of_its_property():
    assert "@" in plausible("user_email", Dice(1))
    assert plausible("base_url", Dice(1)).startswith("https://")
    assert plausible("query", Dice(1), "rivers rivers rivers").startswith("rivers")
