import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace.tokens import estimate
from tailrace.wire.conversation import Conversation, Tool, ToolCall, Turn
from tailrace_plugins.router.policy.estimate import USUAL_OUTPUT, input_tokens, output_tokens


@given(st.text(), st.text())
def test_more_text_is_never_fewer_tokens(one, other):
    assert estimate(one) <= estimate(one + other)
    assert estimate(one) <= len(one.encode("utf-8", "surrogatepass")) or not one


def said(*turns, **more):
    return Conversation(turns, **more)


@pytest.mark.parametrize(
    ("conversation", "body_bytes", "tokens"),
    [
        pytest.param(said(), 4_000, 1_000, id="nothing readable"),
        pytest.param(said(), -5, 0, id="no body"),
        pytest.param(said(Turn("user", "a" * 400)), 500, 104, id="a text"),
        pytest.param(said(Turn("user", "a" * 400)), 50, 50, id="never more than bytes"),
        pytest.param(said(Turn("user", "a" * 400, images=2)), 500, 104 + 3_200, id="images"),
        pytest.param(
            said(Turn("assistant", "", calls=(ToolCall("c", "f", "a" * 40),)), tools=(Tool("f", "", 400),)),
            1_000,
            4 + 1 + 10 + 100,
            id="calls and tools",
        ),
    ],
)
def test_input_tokens(conversation, body_bytes, tokens):
    assert input_tokens(conversation, body_bytes) == tokens


LONG, SHORT = Turn("assistant", "a" * 3_984), Turn("assistant", "a" * 384)


@pytest.mark.parametrize(
    ("conversation", "tokens"),
    [
        pytest.param(said(Turn("user", "Hi")), USUAL_OUTPUT, id="usual"),
        pytest.param(said(Turn("user", "Hi"), max_tokens=16), 16, id="limited"),
        pytest.param(said(Turn("user", "Hi"), max_tokens=100_000), USUAL_OUTPUT, id="a limit is no wish"),
        pytest.param(said(Turn("user", "Hi"), SHORT, LONG, Turn("user", "Ho")), 550, id="as the answers before"),
        pytest.param(said(LONG, SHORT, SHORT, SHORT, SHORT), 100, id="the last four"),
    ],
)
def test_output_tokens(conversation, tokens):
    assert output_tokens(conversation) == tokens
