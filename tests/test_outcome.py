import pytest

from tailrace.outcome import settle
from tailrace.prices import Price, PriceTable
from tailrace.testing import chat_chunk, data
from tailrace.trail import Dropped, TraceIds, Trail
from tailrace.wire.usage import Usage
from tailrace.wire.watch import StreamWatch

PRICES = PriceTable({"p/m": Price(1_000_000, 2_000_000)})
WHOLE = {
    "id": "r1", "model": "m-2024", "choices": [{"finish_reason": "stop"}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 4},
}  # fmt: skip


@pytest.fixture
def trail():
    made = Trail("req_1", TraceIds(1, 2, 0, True), 100.0, 0)
    made.provider, made.model = "p", "m"
    return made


def watched(*frames):
    watch = StreamWatch("chat")
    for frame in frames:
        watch.feed(frame)
    return watch


def test_a_whole_answer(trail):
    trail.answer = ("chat", WHOLE)
    trail.first_chunk_at = 100.5
    outcome = settle(trail, "complete", 200, PRICES, 102.0)
    assert (outcome.state, outcome.status, outcome.duration_s, outcome.first_chunk_s) == ("complete", 200, 2.0, 0.5)
    assert (outcome.usage, outcome.cost_usd) == (Usage(3, 4), 11.0)
    assert (outcome.response_id, outcome.response_model, outcome.finish_reasons) == ("r1", "m-2024", ("stop",))
    assert (outcome.provider, outcome.model, outcome.error_type) == ("p", "m", "")


def test_a_request_that_never_got_to_a_provider(trail):
    outcome = settle(trail, "complete", 400, PRICES, 100.1, error_type="bad_request")
    assert (outcome.usage, outcome.cost_usd, outcome.first_chunk_s) == (None, None, None)
    assert (outcome.error_type, outcome.finish_reasons, outcome.response_id) == ("bad_request", (), None)


def test_an_unknown_price_is_none(trail):
    trail.answer = ("chat", WHOLE)
    trail.model = "other"
    assert settle(trail, "complete", 200, PRICES, 101.0).cost_usd is None


@pytest.mark.parametrize("state", ["client_left", "failed"])
def test_a_stream_that_broke_off_is_estimated(trail, state):
    trail.watch = watched(*[chat_chunk({"content": "x"})] * 7)
    outcome = settle(trail, state, 200, PRICES, 101.0, request_bytes=400)
    assert outcome.usage == Usage(100, trail.watch.estimated_output_tokens, estimated=True)
    assert outcome.usage.output_tokens > 0 and outcome.cost_usd > 100
    assert outcome.state == state


def test_reported_usage_is_never_estimated(trail):
    trail.watch = watched(
        chat_chunk({"content": "x"}), data({"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 2}})
    )
    assert settle(trail, "client_left", 200, PRICES, 101.0, request_bytes=400).usage == Usage(1, 2)


def test_a_complete_stream_without_usage_stays_without(trail):
    trail.watch = watched(chat_chunk({"content": "x"}), b"data: [DONE]\n\n")
    assert settle(trail, "complete", 200, PRICES, 101.0, request_bytes=400).usage is None


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ({"message": "m", "type": "overloaded_error"}, "overloaded_error"),
        ({"message": "m", "code": "rate_limit_exceeded"}, "rate_limit_exceeded"),
        ({"message": "m", "type": "user-4711 is over quota"}, "in_band_error"),
        ({"message": "m", "type": ["x"]}, "in_band_error"),
        ({"message": "m"}, "in_band_error"),
    ],
)
def test_an_error_in_band_is_a_failure_with_a_word_from_a_closed_set(trail, error, expected):
    trail.watch = watched(chat_chunk({"content": "x"}), data({"error": error}))
    outcome = settle(trail, "complete", 200, PRICES, 101.0)
    assert (outcome.state, outcome.error_type) == ("failed", expected)
    assert settle(trail, "client_left", 200, PRICES, 101.0).state == "client_left"


def test_the_trails_error_is_the_last_resort(trail):
    trail.error_type = "timeout"
    assert settle(trail, "complete", 504, PRICES, 101.0).error_type == "timeout"
    assert settle(trail, "complete", 504, PRICES, 101.0, error_type="bad_key").error_type == "bad_key"


@pytest.mark.parametrize(
    ("dropped", "cost"),
    [
        ([("p", "m", Usage(1, 0))], 12.0),
        ([("p", "m", Usage(1, 0)), ("p", "m", Usage(0, 1))], 14.0),
        ([("p", "other", Usage(1, 0))], None),
    ],
)
def test_answers_that_were_dropped_are_part_of_the_bill(trail, dropped, cost):
    trail.answer = ("chat", WHOLE)
    trail.dropped = [Dropped(*one) for one in dropped]
    outcome = settle(trail, "complete", 200, PRICES, 101.0)
    assert outcome.usage == Usage(3, 4), "of the answer alone"
    assert outcome.cost_usd == cost
    assert [(one.provider, one.model, one.usage) for one in outcome.dropped] == dropped


def test_a_dropped_answer_is_billed_where_none_came_after_it(trail):
    trail.dropped = [Dropped("p", "m", Usage(2, 0))]
    assert settle(trail, "failed", 502, PRICES, 101.0).cost_usd == 2.0
