import pytest

from tailrace_plugins.compress.evaluate.texts import calls, content


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("one", "one"),
        ([{"type": "text", "text": "one"}, {"type": "image_url"}, {"type": "text", "text": "two"}], "one\ntwo"),
        (None, ""),
    ],
)
def test_the_content_as_one_text(given, said):
    assert content({"content": given}) == said
    assert content({}) == ""


def test_the_calls():
    message = {"tool_calls": [{"function": {"name": "look", "arguments": "{}"}}, {"type": "custom"}]}
    assert list(calls(message)) == [("look", "{}"), ("", "")]
    assert list(calls({"tool_calls": None})) == []
