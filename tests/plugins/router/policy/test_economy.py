import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace.prices import Price
from tailrace_plugins.router.policy.economy import cost_of_turn, expected_turns, switching_pays

# OpenAI's form (writing a cache is free) and Anthropic's (it costs a quarter more).
STRONG = Price(2.5, 10.0, cache_read=1.25)
CHEAP = Price(0.15, 0.6, cache_read=0.075)
SONNET = Price(3.0, 15.0, cache_read=0.3, cache_write=3.75)
HAIKU = Price(1.0, 5.0, cache_read=0.1, cache_write=1.25)
FREE = Price(0.0, 0.0)
PLAIN = Price(2.0, 4.0)
M = 1_000_000


@pytest.mark.parametrize(
    ("price", "prefix", "cached", "new", "output", "usd"),
    [
        (STRONG, 10_000, True, 1_000, 100, (10_000 * 1.25 + 1_000 * 2.5 + 100 * 10) / M),
        (STRONG, 10_000, False, 1_000, 100, (11_000 * 2.5 + 100 * 10) / M),
        (SONNET, 10_000, True, 1_000, 100, (10_000 * 0.3 + 1_000 * 3.75 + 100 * 15) / M),
        (SONNET, 10_000, False, 1_000, 100, (11_000 * 3.75 + 100 * 15) / M),
        # Under 1,024 tokens nothing is cached.
        (SONNET, 500, True, 500, 0, 1_000 * 3.0 / M),
        (SONNET, 1_000, True, 500, 0, 1_500 * 3.75 / M),
        (PLAIN, 10_000, True, 0, 10, (10_000 * 2 + 10 * 4) / M),
        (PLAIN, -5, True, -5, -5, 0.0),
        (FREE, 10_000, False, 10_000, 10_000, 0.0),
    ],
)
def test_cost_of_turn(price, prefix, cached, new, output, usd):
    assert cost_of_turn(price, prefix, cached, new, output) == pytest.approx(usd)


@pytest.mark.parametrize(("so_far", "expected"), [(-3, 1), (0, 1), (1, 1), (7, 7), (50, 50), (10**9, 50)])
def test_expected_turns(so_far, expected):
    assert expected_turns(so_far) == expected


@pytest.mark.parametrize(
    ("stay", "move", "turns", "warm", "way_back", "pays"),
    [
        pytest.param(STRONG, CHEAP, 1, True, 0.0, True, id="a far cheaper model pays at once"),
        pytest.param(STRONG, CHEAP, 1, True, 1.0, False, id="but not if the session comes back after one turn"),
        pytest.param(STRONG, CHEAP, 2, True, 1.0, True, id="it does after two"),
        pytest.param(SONNET, HAIKU, 1, True, 0.0, False, id="writing the prefix costs more than one turn saves"),
        pytest.param(SONNET, HAIKU, 4, True, 0.0, True, id="some turns make up for it"),
        pytest.param(SONNET, HAIKU, 4, True, 1.0, False, id="not with the way back"),
        pytest.param(SONNET, HAIKU, 50, True, 1.0, True, id="many turns make up for both"),
        pytest.param(SONNET, HAIKU, 1, False, 0.0, True, id="a cold cache keeps nobody"),
        pytest.param(CHEAP, STRONG, 50, False, 0.0, False, id="a dearer model never pays"),
        pytest.param(STRONG, STRONG, 5, True, 0.0, False, id="the same price never pays"),
        pytest.param(STRONG, STRONG, 5, False, 0.0, False, id="nor with a cold cache"),
        pytest.param(FREE, CHEAP, 5, False, 0.0, False, id="nothing is cheaper than free"),
        pytest.param(STRONG, FREE, 1, True, 0.0, True, id="free is cheaper than anything"),
        pytest.param(None, CHEAP, 50, False, 0.0, False, id="unknown here"),
        pytest.param(STRONG, None, 50, False, 0.0, False, id="unknown there"),
        pytest.param(STRONG, Price(float("nan"), 0.0), 5, False, 0.0, False, id="no number"),
        pytest.param(Price(float("inf"), 1.0), CHEAP, 5, False, 0.0, False, id="not finite"),
    ],
)
def test_switching_pays(stay, move, turns, warm, way_back, pays):
    verdict = switching_pays(stay, move, 20_000, 500, 200, turns, warm, way_back=way_back)
    assert verdict.pays is pays
    assert verdict.words


def test_the_arithmetic_of_two_turns():
    # Staying: 10,000 read + 1,000 new, then 11,100 read + 1,000 new. Moving: all written once, then read.
    stay = (10_000 * 0.3 + 1_000 * 3.75 + 100 * 15) + (11_100 * 0.3 + 1_000 * 3.75 + 100 * 15)
    move = (11_000 * 1.25 + 100 * 5) + (11_100 * 0.1 + 1_000 * 1.25 + 100 * 5)
    verdict = switching_pays(SONNET, HAIKU, 10_000, 1_000, 100, 2, True)
    assert verdict.saves_usd == pytest.approx((stay - move) / M)
    assert verdict.words == f"staying costs ${stay / M:.6f}, moving ${move / M:.6f} over 2 turns (warm cache)"
    back = switching_pays(SONNET, HAIKU, 10_000, 1_000, 100, 2, True, way_back=1.0)
    assert verdict.saves_usd - back.saves_usd == pytest.approx(12_200 * (3.75 - 0.3) / M)


@pytest.mark.parametrize(("known", "counted"), [(0, 0), (4_000, 4_000), (50_000, 10_000), (-5, 0)])
def test_what_the_other_model_still_has_is_read_there(known, counted):
    verdict = switching_pays(SONNET, HAIKU, 10_000, 1_000, 100, 1, True, known_there=known)
    without = switching_pays(SONNET, HAIKU, 10_000, 1_000, 100, 1, True)
    read, write = HAIKU.cache_read, HAIKU.cache_write
    assert verdict.saves_usd - without.saves_usd == pytest.approx(counted * (write - read) / M)


def test_a_small_prefix_costs_nothing_to_leave():
    verdict = switching_pays(SONNET, HAIKU, 100, 50, 20, 1, True, way_back=1.0)
    assert verdict.pays


prices = st.builds(
    Price,
    st.floats(0, 100),
    st.floats(0, 100),
    cache_read=st.none() | st.floats(0, 100),
    cache_write=st.none() | st.floats(0, 100),
)
counts = st.integers(-10, 10**6)


@given(prices, prices, counts, counts, counts, st.integers(-5, 10**9), st.booleans(), st.floats(-1, 2))
def test_it_pays_exactly_when_it_saves(stay, move, prefix, new, output, turns, warm, way_back):
    verdict = switching_pays(stay, move, prefix, new, output, turns, warm, way_back=way_back)
    assert verdict.pays is (verdict.saves_usd > 0)
    without = switching_pays(stay, move, prefix, new, output, turns, warm)
    assert verdict.saves_usd <= without.saves_usd


@given(prices, counts, counts, counts, st.integers(1, 60))
def test_leaving_for_the_same_price_never_pays_where_reading_is_cheaper_than_writing(price, prefix, new, output, turns):
    read = price.input if price.cache_read is None else price.cache_read
    if read > (price.input if price.cache_write is None else price.cache_write):
        return
    assert not switching_pays(price, price, prefix, new, output, turns, True).pays
