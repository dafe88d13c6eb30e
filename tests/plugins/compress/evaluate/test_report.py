import io
from collections import Counter

import pytest
from rich.console import Console

from tailrace.prices import Price
from tailrace.wire.usage import Usage
from tailrace_plugins.compress.evaluate.edits import Edit
from tailrace_plugins.compress.evaluate.facts import Kept
from tailrace_plugins.compress.evaluate.replay import Replayed, Request
from tailrace_plugins.compress.evaluate.report import Bill, PassCount, bill, line, report, shown
from tailrace_plugins.compress.passes import Piece

PRICE = Price(2.0, 0.0, 0.2, 3.0)
M = 1_000_000


def request(before, after, ms=1.0, label="compressed", **refused):
    return Request(Usage(before, 0), Usage(after, 0), ms, "acted", label, Counter(refused))


def edit(passes=("minify",), lossless=True, equal=True, tokens=(10, 5)):
    return Edit(1, (0,), Piece("tool", "x"), "y", passes, lossless, equal, tokens)


def of(*conversations, note=""):
    return report("runs.jsonl", conversations, PRICE, note)


def told(made):
    console = Console(width=140, record=True, file=io.StringIO())
    console.print(shown(made))
    return console.export_text()


def test_a_bill():
    usages = [Usage(3 * M, 0, 1 * M, 1 * M), Usage(1 * M, 0)]
    assert bill(usages, PRICE) == Bill(4 * M, 1 * M, pytest.approx(0.2 + 3.0 + 2.0 + 2.0))
    assert bill(usages, PRICE).hit_rate == 0.25
    assert bill([], PRICE).hit_rate == 0.0


def test_the_last_line_has_these_keys_and_nothing_else():
    made = of(
        Replayed("a", [request(4 * M, 2 * M, 1.0), request(4 * M, 4 * M, 3.0)]),
        Replayed("b", [request(2 * M, 3 * M, 2.0)]),
    )
    assert line(made) == {
        "trajectories": 2,
        "requests": 3,
        "tokens_before": 10 * M,
        "tokens_after": 9 * M,
        "billed_before_usd": 20.0,
        "billed_after_usd": 18.0,
        "net_saving": 0.1,
        "worst_trajectory_saving": -0.5,
        "prefix_hit_before": 0.0,
        "prefix_hit_after": 0.0,
        "lossless_ok": True,
        "added_p50_ms": 2.0,
        "added_p99_ms": 3.0,
    }
    assert (
        list(line(made))
        == (
            "trajectories requests tokens_before tokens_after billed_before_usd billed_after_usd net_saving "
            "worst_trajectory_saving prefix_hit_before prefix_hit_after lossless_ok added_p50_ms added_p99_ms"
        ).split()
    )


@pytest.mark.parametrize(
    ("one", "ok"),
    [
        (edit(), True),
        (edit(equal=False), False),
        (edit(passes=("long_results",), lossless=False, equal=False), True),
        (edit(passes=(), lossless=False, equal=False), False),
    ],
)
def test_whether_nothing_was_lost(one, ok):
    assert of(Replayed("a", [request(1, 1)], [edit(), one])).lossless_ok is ok


def test_a_strange_change_is_no_lossless_one():
    assert not of(Replayed("a", [request(1, 1)], strange=1)).lossless_ok


def test_edits_are_counted_by_the_passes_that_made_them():
    edits = [edit(), edit(tokens=(100, 10)), edit(("tabular", "grouped"), tokens=(20, 19)), edit((), tokens=(1, 2))]
    made = of(Replayed("a", [request(1, 1)], edits))
    assert made.passes == (
        ("minify", PassCount(2, 110, 15)),
        ("tabular + grouped", PassCount(1, 20, 19)),
        ("unknown", PassCount(1, 1, 2)),
    )


def test_what_people_are_told():
    first = Replayed("a", [request(4 * M, 2 * M, no_gain=2)], [edit()], Kept(4, 3, ("HAT069",)))
    other = Replayed("[b]", [request(2 * M, 3 * M, label="x", no_gain=1)], again=5)
    text = told(of(first, other, note="tokens are estimates"))
    for words in (
        "runs.jsonl: 2 conversations, 2 requests",
        "0.00% on average, least -50.00% ([b]), 1 dearer",
        "acted compressed 1, acted x 1",
        "texts not edited: no_gain 3",
        "edits: 1, 0 not proven equal; sent otherwise later: 5",
        "facts used later: 4, 75.00% of them still there",
        "lost: HAT069",
        "tokens are estimates",
    ):
        assert words in text
    assert "used later: 0, all of them" in told(of(Replayed("a", [request(1, 1)])))
