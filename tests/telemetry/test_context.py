import pytest

from tailrace.telemetry.context import read_context
from tailrace.trail import TraceIds

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
PARENT = (int(TRACE, 16), int(SPAN, 16))


def read(ratio=1.0, **headers):
    return read_context(headers, 7, 8, ratio)


@pytest.mark.parametrize(
    ("header", "sampled"),
    [
        (f"00-{TRACE}-{SPAN}-01", True),
        (f"00-{TRACE}-{SPAN}-00", False),
        (f"00-{TRACE}-{SPAN}-03", True),
        (f" 00-{TRACE}-{SPAN}-01 ", True),
        (f"cc-{TRACE}-{SPAN}-01-what-the-future-brings", True),
    ],
)
def test_a_caller_s_trace_goes_on(header, sampled):
    assert read(traceparent=header) == TraceIds(PARENT[0], 8, PARENT[1], sampled)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "junk",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE}-{SPAN}",
    ],
)
def test_one_that_is_invalid_does_not(header):
    assert read(traceparent=header) == TraceIds(7, 8, 0, True)


def test_tracestate_comes_along_only_with_its_parent():
    header = f"00-{TRACE}-{SPAN}-01"
    assert read(traceparent=header, tracestate="a=1").state == "a=1"
    assert read(traceparent=header, tracestate="a" * 600).state == ""
    assert read(tracestate="a=1").state == ""


def test_the_ratio_decides_by_the_trace_id_where_no_caller_did():
    header = f"00-{TRACE}-{SPAN}-01"
    assert not read(ratio=0.0).sampled
    assert read(ratio=0.0, traceparent=header).sampled
    sampled = [read_context({}, number << 55, 1, 0.25).sampled for number in range(1, 512)]
    assert sum(sampled) == 127
