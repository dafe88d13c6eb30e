import pytest

from tailrace.testing import exchange
from tailrace.wire.endpoints import COMPLETIONS, EMBEDDINGS, MESSAGES, RESPONSES
from tailrace_plugins.router.cascade.unfit import unfit


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        ({}, ""),
        ({"n": 1, "tools": [{"type": "function", "function": {"name": "f"}}], "store": True}, ""),
        ({"tools": [{"name": "f", "input_schema": {}}, {"type": "bash_20250124", "name": "bash"}]}, ""),
        ({"n": 2}, "several-answers"),
        ({"best_of": 3}, "several-answers"),
        ({"prompt": ["a", "b"]}, "several-answers"),
        ({"prompt": [1, 2, 3]}, ""),
        ({"conversation": "c"}, "stateful"),
        ({"background": True}, "stateful"),
        ({"tools": [{"type": "mcp"}]}, "server-tools"),
        ({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, "server-tools"),
        ({"mcp_servers": [{}]}, "server-tools"),
        ({"web_search_options": {"a": 1}}, "server-tools"),
        ({"modalities": ["text", "audio"]}, "media"),
        ({"modalities": ["text"]}, ""),
        ({"audio": {"voice": "x"}}, "media"),
        ({"tools": 3, "n": None, "prompt": []}, ""),
        ({"tools": [3, {"type": 3}]}, ""),
    ],
)
def test_what_must_not_be_asked_twice(payload, reason):
    for endpoint in (COMPLETIONS, MESSAGES, RESPONSES):
        assert unfit(exchange({"model": "m", **payload}, endpoint=endpoint)) == reason


def test_only_what_has_answers():
    assert unfit(exchange({"model": "m", "input": "x"}, endpoint=EMBEDDINGS)) == "endpoint"
