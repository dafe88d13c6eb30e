from io import StringIO

import pytest
from rich.console import Console

from tailrace.cli.tables import cache_tables

TOLD = {
    "hits": 3, "misses": 1, "hit_rate": 0.75, "entries": 4, "bytes": 2_500_000, "saved_usd": 0.12345, "saved_s": 3.14,
    "by_model": {"gpt-4o": {"hits": 3, "misses": 1}, "[red]x[/]": {"hits": 0, "misses": 1}},
    "bypasses": {"no-store": 2}, "not_stored": {"incomplete": 1}, "rejected": {"number": 5},
}  # fmt: skip


@pytest.fixture
def shown():
    def show(caches):
        out = StringIO()
        cache_tables(caches, Console(file=out, width=120))
        return out.getvalue()

    return show


def test_a_row_a_cache_and_the_reasons_below(shown):
    text = shown({"exact_cache": TOLD, "other": {}})
    row = next(line for line in text.splitlines() if "75.0%" in line)
    assert [cell for cell in row.replace("│", " ").split() if cell] == [
        "exact_cache",
        "3",
        "1",
        "75.0%",
        "4",
        "2.5",
        "0.1235",
        "3.1",
    ]
    assert "exact_cache  gpt-4o: 3 of 4 hit" in text and "exact_cache  [red]x[/]: 0 of 1 hit" in text
    for line in ("bypasses: no-store 2", "not stored: incomplete 1", "rejected: number 5"):
        assert f"exact_cache  {line}\n" in text
    other = next(line for line in text.splitlines() if "other" in line)
    assert other.replace("│", " ").split() == ["other", "0", "0", "-", "-", "-", "0.0000", "0.0"]


def test_advice(shown):
    text = shown({"exact_cache": {**TOLD, "advice": "raise ttl [now]"}})
    assert "exact_cache: raise ttl [now]" in text


def test_no_cache(shown):
    assert "No cache is in the chain" in shown({})
