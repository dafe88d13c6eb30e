import io

import pytest
from rich.console import Console

from tailrace_plugins.router.evaluate.intervals import Intervals
from tailrace_plugins.router.evaluate.metrics import Scored
from tailrace_plugins.router.evaluate.report import Report, line
from tailrace_plugins.router.evaluate.report import shown as rendered

WEAK, STRONG = [0.0] * 5 + [1.0] * 5, [1.0] * 10
BEST = [float(10 - at) for at in range(10)]


def report(strong=STRONG, costs=None, spread=None, **more):
    router, length = Scored(BEST, WEAK, strong, costs), Scored(BEST[::-1], WEAK, strong)
    given = {"contaminated": 0, "p50_ms": 0.12345, "p99_ms": 1.23456, "name": "router (rules)", **more}
    return Report("own.jsonl", 1234, router=router.metrics(), length=length.metrics(), intervals=spread, **given)


def shown(given):
    out = io.StringIO()
    Console(file=out, width=160).print(rendered(given))
    return out.getvalue()


def test_the_line_has_exactly_these_keys():
    assert line(report()) == {
        "file": "own.jsonl",
        "n": 1234,
        "cpt50": 25.0,
        "cpt80": 40.0,
        "apgr": 0.75,
        "p50_ms": 0.123,
        "p99_ms": 1.235,
    }


def test_figures_that_mean_nothing_are_null():
    found = line(report(strong=WEAK))
    assert (found["cpt50"], found["cpt80"], found["apgr"]) == (None, None, None)
    assert "there is no gap to recover" in shown(report(strong=WEAK))


def row(text, name):
    return [cell.strip() for cell in next(line for line in text.splitlines() if name in line).split("│")[1:-1]]


def test_the_table_has_prompt_length_and_chance_beside():
    text = shown(report(note="without embeddings", contaminated=3))
    assert row(text, "router (rules)")[1:] == ["0.750", "25.0", "40.0", "45.0", "47.5", "49.5"]
    assert row(text, "prompt length")[1:4] == ["0.250", "75.0", "90.0"]
    assert row(text, "random")[1:] == ["0.500", "50.0", "80.0", "90.0", "95.0", "99.0"]
    assert "own.jsonl: 1,234 rows, 3 contaminated dropped, weak 0.5, strong 1 on average" in text
    assert "APGR over prompt length +0.500" in text
    assert "decision p50 0.123 ms, p99 1.235 ms" in text
    assert "without embeddings" in text
    assert "resamples" not in text


def test_intervals_and_dollars():
    spread = Intervals((0.7, 0.8), (20.0, 30.0), (35.0, 45.0), (0.4, 0.6))
    text = shown(report(spread=spread, costs=[(0.001, 0.01)] * 10))
    assert row(text, "95% of resamples")[1:4] == ["0.700 … 0.800", "20.0 … 30.0", "35.0 … 45.0"]
    assert "APGR over prompt length +0.500 (95%: +0.400 … +0.600)" in text
    assert row(text, "$ per 1,000")[4] == "5.05 (50%)"


@pytest.mark.parametrize("costs", [[(0.0, 0.0)] * 10, None])
def test_costs_that_are_not_known(costs):
    text = shown(report(costs=costs))
    assert ("$ per 1,000" in text) is (costs is not None)
