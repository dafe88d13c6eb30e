import pytest

from tailrace_plugins.compress.planner import definitions_pay, judge, stays_cacheable


@pytest.mark.parametrize(
    ("before", "after", "refused"),
    [(100, 50, None), (100, 92, None), (100, 93, "too-small"), (100, 100, "no-gain"), (100, 130, "no-gain")],
)
def test_what_is_new_is_judged_by_its_tokens(before, after, refused):
    assert judge(before, after, 8) == refused


@pytest.mark.parametrize(
    ("body_bytes", "least", "stays"), [(5_120, 1_024, True), (5_119, 1_024, False), (0, 0, True), (-9, 1, False)]
)
def test_a_prompt_stays_long_enough_to_be_cached(body_bytes, least, stays):
    assert stays_cacheable(body_bytes, least) is stays


@pytest.mark.parametrize(("before", "after", "pays"), [(1_000, 872, True), (1_000, 873, False), (100, 200, False)])
def test_definitions_are_used_where_a_block_of_the_cache_is_saved(before, after, pays):
    assert definitions_pay(before, after) is pays
