from tailrace_plugins.semantic_cache.shadow import Shadows


def test_few_wrong_answers_are_no_verdict():
    shadows = Shadows(0.01)
    assert not shadows.heard("p", agreed=False) and not shadows.heard("p", agreed=False)
    assert not shadows.is_off("p") and (shadows.asked, shadows.wrong) == (2, 2)


def test_it_tells_once_that_a_partition_is_beyond_the_budget():
    shadows = Shadows(0.01)
    told = [shadows.heard("p", agreed=False) for _ in range(5)]
    assert told == [False, False, True, False, False]
    assert shadows.is_off("p") and not shadows.is_off("q") and shadows.off == 1


def test_within_the_budget_it_stays_on():
    shadows = Shadows(0.1)
    for _ in range(97):
        shadows.heard("p", agreed=True)
    for _ in range(3):
        assert not shadows.heard("p", agreed=False)
    assert not shadows.is_off("p")


def test_what_it_remembers_is_bounded():
    shadows = Shadows(0.0)
    for number in range(5000):
        shadows.heard(f"p{number}", agreed=True)
    assert len(shadows._seen) == 4096
