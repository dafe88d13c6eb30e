import pytest

from tailrace.cache.asked import is_ambiguous, why_stateful
from tailrace.wire import jsonio
from tailrace.wire.endpoints import EndpointKind


@pytest.mark.parametrize(
    "more",
    [
        {"mcp_servers": [{"type": "url", "url": "https://x"}]},
        {"search_parameters": {"mode": "on"}},
        {"plugins": [{"id": "web"}]},
        {"data_sources": []},
        {"web_search_options": {}},
        {"tools": [{"type": "web_search_20250305", "input_schema": {}}]},
    ],
)
def test_what_a_provider_does_itself_is_never_kept(more):
    assert why_stateful(EndpointKind.MESSAGES, {"messages": [], **more}) == "server-tools"


def test_a_prompt_kept_at_the_provider_may_change_there():
    assert why_stateful(EndpointKind.RESPONSES, {"prompt": {"id": "p"}, "store": False}) == "stateful"


def test_numbers_that_were_not_read_exactly():
    one, other = (jsonio.loads_object(b'{"seed": %d}' % seed) for seed in (2**64 + 1, 2**64 + 2))
    assert one == other and is_ambiguous(one)
    assert not is_ambiguous({"seed": 2**63 - 1, "temperature": 0.7, "max_tokens": 1e6})
