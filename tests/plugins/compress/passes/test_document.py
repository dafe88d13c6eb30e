import pytest

from tailrace_plugins.compress.passes.document import MARK, read


@pytest.mark.parametrize(
    ("text", "compact"),
    [
        ('{"a": 1, "b": [1, 2]}', '{"a":1,"b":[1,2]}'),
        ("\n [ 1 ,\t2 ]\r\n", "[1,2]"),
        ('{"a": "x : , y", "b": " "}', '{"a":"x : , y","b":" "}'),
        (r'{"a": "q\" : \\", "b": 1}', r'{"a":"q\" : \\","b":1}'),
        (
            "[1.0, 1e3, 1E+3, -0, 0.10, 123456789012345678901234567890]",
            "[1.0,1e3,1E+3,-0,0.10,123456789012345678901234567890]",
        ),
        (r'["\u4e2d\u6587", "\ud83d\ude00", "a\/b"]', '["中文","😀","a/b"]'),
        (r'["\u0022", "\u005c", "\u0009", "\u200b", "\\u4e2d"]', r'["\u0022","\u005c","\u0009","\u200b","\\u4e2d"]'),
        ("{}", "{}"),
        ("[]", "[]"),
    ],
)
def test_blanks_go_and_values_stay(text: str, compact: str) -> None:
    document = read(text)
    assert document is not None
    assert document.compact == compact


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "3",
        '"text"',
        "null",
        "{'a': 1, 'b': None}",
        "{a: 1}",
        '{"a": 1',
        '{"a": 1} trailing',
        '{"a": 1, "a": 2}',
        '{"x": [{"a": 1, "\\u0061": 2}]}',
        "[NaN]",
        "[Infinity]",
        "[1e999]",
        "[01]",
        '["\\ud800"]',
        "[" * 200 + "]" * 200,
        "[INFO] log [x]",
        '[{"a": 1},\n{"a": 2}',
        '{"a":[1\n2]}',
        f'["{MARK}"]',
        r'["\ue000"]',
        r'["\uE000"]',
    ],
)
def test_what_is_not_read(text: str) -> None:
    assert read(text) is None


def test_numbers_are_spelled() -> None:
    document = read('{"a": [1.0, -2e5], "1": "3", "t": true}')
    assert document is not None
    assert document.spelled() == {"a": [MARK + "1.0", MARK + "-2e5"], "1": "3", "t": True}


def test_json_lines_are_a_list_and_stay_lines() -> None:
    document = read('{"a": 1}\n{"a": "x, y"}\r\n[ 1 ]\n')
    assert document is not None
    assert document.lines
    assert document.compact == '{"a":1}\n{"a":"x, y"}\n[1]'
    assert document.spelled() == [{"a": MARK + "1"}, {"a": "x, y"}, [MARK + "1"]]


@pytest.mark.parametrize("text", ['{"a":[1\n2]}', '{"a":1}\n\n{"a":2}', '{"a":1}\n3', '{"a":1}\n{"a":1,"a":2}'])
def test_what_are_no_json_lines(text: str) -> None:
    assert read(text) is None


def test_as_deep_as_allowed() -> None:
    deep = "[" * 127 + "0.0" + "]" * 127
    for text in (f"[{deep}]", f"[{deep}]\n[{deep}]", "[" * 128 + "]" * 128):
        document = read(text)
        assert document is not None
        assert document.spelled()
