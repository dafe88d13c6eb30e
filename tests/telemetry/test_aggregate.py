from tailrace.telemetry import names
from tailrace.telemetry.aggregate import Counters, Exemplar, Histograms, Observed, Point, snapshot

BOUNDS = names.HTTP_BOUNDS


def test_a_counter_per_set_of_labels():
    counters = Counters(names.COST_USD)
    counters.at("openai", "a").add(2)
    counters.at("openai", "a").add()
    counters.at("openai", "b").add(0.5)
    assert snapshot(counters) == [Point(("openai", "a"), 3), Point(("openai", "b"), 0.5)]


def test_a_bucket_holds_its_upper_bound_and_the_last_one_all_above():
    histograms = Histograms(names.HTTP_SERVER)
    seen = histograms.at("POST", "http", "/v1/models", "200", "")
    for value in (0.0, BOUNDS[0], BOUNDS[0] + 1e-9, BOUNDS[-1], BOUNDS[-1] + 1):
        seen.record(value)
    [point] = snapshot(histograms)
    assert (point.counts[0], point.counts[1], point.counts[-2], point.counts[-1]) == (2, 1, 1, 1)
    assert sum(point.counts) == 5


def test_the_latest_exemplar_of_a_bucket():
    histograms = Histograms(names.OVERHEAD)
    for span_id in (1, 2):
        histograms.at("/").record(0.00001, (7, span_id))
    histograms.at("/").record(0.00001)
    [point] = snapshot(histograms)
    exemplar = point.exemplars[0]
    assert isinstance(exemplar, Exemplar)
    assert exemplar[:3] == (0.00001, 7, 2)
    assert not any(point.exemplars[1:])


def test_what_is_read_when_asked():
    numbers = iter([1, 2])
    observed = Observed(names.STREAMS, lambda: [((), next(numbers))])
    assert [snapshot(observed), snapshot(observed)] == [[Point((), 1)], [Point((), 2)]]


def test_a_snapshot_does_not_change():
    histograms = Histograms(names.OVERHEAD)
    histograms.at("/").record(1)
    before = snapshot(histograms)
    histograms.at("/").record(1)
    assert before != snapshot(histograms)
