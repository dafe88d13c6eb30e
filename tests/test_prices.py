import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace.prices import Price, PriceTable
from tailrace.wire.usage import Usage

MILLION = 1_000_000


@pytest.mark.parametrize(
    ("price", "usage", "expected"),
    [
        (Price(2, 10), Usage(MILLION, 0), 2.0),
        (Price(2, 10), Usage(0, MILLION), 10.0),
        (Price(2, 10, 0.2), Usage(MILLION, 0, cache_read_tokens=MILLION), 0.2),
        (Price(2, 10), Usage(MILLION, 0, cache_read_tokens=MILLION), 2.0),
        (Price(2, 10, 0.2, 2.5), Usage(MILLION, 0, cache_write_tokens=MILLION), 2.5),
        (Price(2, 10, 0.2), Usage(MILLION, 0, cache_write_tokens=MILLION), 2.0),
        (Price(2, 10, 0.2, 2.5), Usage(10 * MILLION, MILLION, 4 * MILLION, 3 * MILLION), 6 + 0.8 + 7.5 + 10),
        # Reasoning is within the output, and free is not unknown.
        (Price(2, 10), Usage(0, MILLION, reasoning_tokens=MILLION), 10.0),
        (Price(0, 0), Usage(5, 5), 0.0),
        (Price(2, 10, 0.0), Usage(MILLION, 0, cache_read_tokens=MILLION), 0.0),
        # A provider that reports more cached than sent is not paid back.
        (Price(2, 10, 0.0), Usage(1, 0, cache_read_tokens=MILLION), 0.0),
    ],
)
def test_cost(price, usage, expected):
    assert price.cost(usage) == pytest.approx(expected)


@given(st.integers(0, 10**9), st.integers(0, 10**9), st.integers(0, 10**9), st.integers(0, 10**9))
def test_cached_input_is_never_dearer_than_fresh(fresh, read, written, output):
    cheap, plain = Price(2, 10, 0.2, 2.0), Price(2, 10)
    usage = Usage(fresh + read + written, output, read, written)
    assert 0 <= cheap.cost(usage) <= plain.cost(usage) + 1e-9


def test_an_unknown_price_is_none_and_not_nothing():
    table = PriceTable({"m": Price(1, 2)})
    assert table.cost("p", "other", Usage(5, 5)) is None
    assert table.cost("p", "m", None) is None
    assert table.find("p", "other") is None
    assert table.cost("p", "m", Usage(MILLION, 0)) == 1.0


def test_the_providers_own_row_wins():
    table = PriceTable({"m": Price(1, 1), "p/m": Price(0, 0)})
    assert table.find("p", "m") == Price(0, 0)
    assert table.find("q", "m") == Price(1, 1)


def test_the_shipped_table():
    table = PriceTable.shipped()
    price = table.find("openai", "gpt-4o-mini")
    assert price is not None and 0 < price.input < price.output
    assert price.cache_read is not None and price.cache_read < price.input
    ours = PriceTable.shipped({"gpt-4o-mini": Price(7, 7)})
    assert ours.find("openai", "gpt-4o-mini") == Price(7, 7)
    assert table.find("openai", "gpt-4o-mini") == price, "an override changed the shared table"
