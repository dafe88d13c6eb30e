import pytest

from tailrace.errors import NotFound, TailraceError, UpstreamError
from tailrace.testing import exchange
from tailrace.wire.endpoints import CHAT, RESPONSES
from tailrace_plugins.router.second import is_about_parameters, is_not_there, may_ask_again

PLAIN = {"model": "auto", "messages": []}
STATEFUL = {"model": "auto", "input": "hi", "conversation": "conv_1"}


def failed(status, code=None):
    return UpstreamError("no", status=status, code=code)


@pytest.mark.parametrize(
    "status", [400, 401, 402, 403, 404, 405, 408, 413, 422, 429, 451, 500, 502, 503, 504, 520, 529]
)
def test_what_the_router_caused_is_made_good(status):
    assert may_ask_again(exchange(PLAIN), failed(status))


@pytest.mark.parametrize("code", ["insufficient_quota", "content_policy_violation", "content_filter"])
def test_money_and_policy_stand(code):
    assert not may_ask_again(exchange(PLAIN), failed(429, code))
    assert not may_ask_again(exchange(PLAIN), failed(400, code))


@pytest.mark.parametrize(
    ("status", "may"), [(400, True), (404, True), (408, False), (409, False), (429, False), (500, False), (503, False)]
)
def test_what_leaves_something_behind_is_not_done_twice(status, may):
    assert may_ask_again(exchange(STATEFUL, endpoint=RESPONSES), failed(status)) is may
    keyed = exchange(PLAIN, endpoint=CHAT, headers={"idempotency-key": "k"})
    assert may_ask_again(keyed, failed(status)) is may


@pytest.mark.parametrize(
    ("error", "parameters", "gone"),
    [
        (failed(400), True, False),
        (failed(422), True, False),
        (failed(404), False, False),
        (NotFound("x", code="model_not_found"), False, True),
        (TailraceError("x", status=400, code="model_not_found"), True, False),
    ],
)
def test_what_a_refusal_is_about(error, parameters, gone):
    assert (is_about_parameters(error), is_not_there(error)) == (parameters, gone)
