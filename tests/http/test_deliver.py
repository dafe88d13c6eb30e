"""The event that ends a stream which broke off; the rest of delivery is seen by tests/e2e."""

import orjson
import pytest

from tailrace.errors import StreamCut
from tailrace.http.deliver import in_band
from tailrace.testing import exchange
from tailrace.wire import sse
from tailrace.wire.endpoints import CHAT, COMPLETIONS, MESSAGES, RESPONSES


@pytest.mark.parametrize(
    ("endpoint", "event"), [(CHAT, None), (COMPLETIONS, None), (RESPONSES, "error"), (MESSAGES, "error")]
)
def test_in_band(endpoint, event):
    raw = in_band(exchange({"model": "m"}, endpoint=endpoint), StreamCut("It broke\noff."))
    told = sse.parse(raw)
    assert raw.endswith(b"\n\n") and len(sse.FrameSplitter().feed(raw)) == 1
    assert told.event == event
    error = orjson.loads(told.data)
    assert error["error"]["message"] == "It broke\noff."
    assert b"[DONE]" not in raw and b"finish_reason" not in raw
    if endpoint is MESSAGES:
        assert (error["type"], error["request_id"]) == ("error", "req_test")
    if endpoint is RESPONSES:
        assert (error["type"], error["code"], error["message"]) == ("error", "upstream_cut", "It broke\noff.")
