from tailrace.wire import jsonio
from tailrace_plugins.compress.definitions import total
from tailrace_plugins.compress.definitions.report import name_of

A, B = {"name": "a", "description": "one"}, {"name": "b"}


def size(tool: object) -> int:
    return len(jsonio.dumps(tool))


def test_the_tokens_of_all() -> None:
    web = {"type": "web_search", "x": 1}
    assert total([A, B, web, A], len) == 2 * size(A) + size(B) + size(web)


def test_names() -> None:
    assert name_of("chat", {"type": "function", "function": {"name": "a"}}) == "a"
    assert name_of("chat", {"type": "custom", "custom": {"name": "b"}}) == "b"
    assert name_of("responses", {"type": "mcp"}) == "mcp"
    assert name_of("messages", None) == "" == name_of("messages", {"name": 1})


def test_what_is_no_json_counts_nothing() -> None:
    assert total([{"name": object()}, None], len) == len("null")
