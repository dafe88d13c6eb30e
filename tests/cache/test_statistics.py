import pytest

from tailrace.cache.statistics import Statistics


def looked_up(hits, misses, model="m"):
    made = Statistics()
    for _ in range(hits):
        made.looked_up(model, hit=True)
    for _ in range(misses):
        made.looked_up(model, hit=False)
    return made


def test_the_rate():
    assert Statistics().hit_rate is None and Statistics().told()["hit_rate"] is None
    assert looked_up(1, 2).hit_rate == pytest.approx(1 / 3)
    assert looked_up(1, 2).told()["hit_rate"] == 0.3333


def test_by_model():
    made = looked_up(3, 1, "a")
    made.looked_up("b", hit=False)
    assert made.told()["by_model"] == {
        "a": {"hits": 3, "misses": 1, "hit_rate": 0.75},
        "b": {"hits": 0, "misses": 1, "hit_rate": 0.0},
    }


def test_clients_cannot_fill_the_memory_with_models():
    made = Statistics()
    for number in range(500):
        made.looked_up(f"model-{number}", hit=False)
    made.looked_up("model-0", hit=True)
    assert len(made.by_model) == 65 and made.by_model["other"] == [0, 436]
    assert made.by_model["model-0"] == [1, 1]
    assert made.misses == 500


def test_all_of_it_is_told():
    made = looked_up(1, 1)
    made.shared, made.stored, made.saved_usd, made.saved_s = 1, 2, 0.12345678, 1.23456
    made.saved_input_tokens, made.saved_output_tokens = 7, 8
    made.bypasses["no-store"] += 1
    made.not_stored["incomplete"] += 2
    told = made.told()
    assert {name: told[name] for name in told if name not in ("by_model",)} == {
        "hits": 1, "misses": 1, "shared": 1, "hit_rate": 0.5, "stored": 2,
        "bypasses": {"no-store": 1}, "not_stored": {"incomplete": 2},
        "saved_input_tokens": 7, "saved_output_tokens": 8, "saved_usd": 0.123457, "saved_s": 1.235,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("hits", "misses", "ttl_s", "warns"),
    [
        (0, 199, 60, False),
        (0, 200, 60, True),
        (59, 141, 60, True),
        (60, 140, 60, False),
        (0, 1000, 899.9, True),
        (0, 1000, 900, False),
    ],
)
def test_advice_where_few_hit_and_entries_do_not_live_long(hits, misses, ttl_s, warns):
    advice = looked_up(hits, misses).advice(ttl_s)
    assert bool(advice) is warns
    if warns:
        assert f"of {hits + misses} look-ups hit" in advice and "raise ttl" in advice and f"{ttl_s:g} s" in advice
