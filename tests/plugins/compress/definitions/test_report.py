from tailrace.wire import jsonio
from tailrace_plugins.compress.definitions import Row, measured, total
from tailrace_plugins.compress.definitions.report import name_of

A, B = {"name": "a", "description": "one"}, {"name": "b"}


def size(tool: object) -> int:
    return len(jsonio.dumps(tool))


def test_each_tool_before_and_after() -> None:
    web = {"type": "web_search", "x": 1}
    found = measured("messages", [A, B, web, A], [{"name": "a"}, web, A, {"name": "c"}], len)
    assert found.rows == (
        Row("a", size(A), size({"name": "a"})),
        Row("b", size(B), 0),
        Row("web_search", size(web), size(web)),
        Row("a", size(A), size(A)),
        Row("c", 0, size({"name": "c"})),
    )
    assert found.before == total([A, B, web, A], len)
    assert found.after == total([{"name": "a"}, web, A, {"name": "c"}], len)
    assert found.saved == found.before - found.after


def test_names() -> None:
    assert name_of("chat", {"type": "function", "function": {"name": "a"}}) == "a"
    assert name_of("chat", {"type": "custom", "custom": {"name": "b"}}) == "b"
    assert name_of("responses", {"type": "mcp"}) == "mcp"
    assert name_of("messages", None) == "" == name_of("messages", {"name": 1})


def test_what_is_no_json_counts_nothing() -> None:
    assert total([{"name": object()}, None], len) == len("null")
