import pytest

from tailrace_plugins.compress.passes import Result, decodes_equal


@pytest.mark.parametrize(
    ("original", "text", "passes", "equal"),
    [
        ('{"a": 1, "b": 2}', '{"a":1,"b":2}', ("minify",), True),
        ('{"a": 1, "b": 2}', '{"b":2,"a":1}', ("minify",), False),
        ('{"a": 1.0}', '{"a":1}', ("minify",), False),
        ('{"a": 1}', '{"a":"1"}', ("minify",), False),
        ('{"a": 1}', "no json", ("minify",), False),
        ("no json", '{"a":1}', ("minify",), False),
        ('[{"a": 1}, {"a": 2}]', "[2]{a}:\n  1\n  2", ("tabular",), True),
        ('[{"a": 1}, {"a": 2}]', "[2]{a}:\n  1\n  3", ("tabular",), False),
        ('[{"a": 1}, {"a": 2.0}]', "[2]{a}:\n  1\n  2", ("tabular",), False),
        ('[{"a": 1, "b": 2}]', "[1]{b,a}:\n  2,1", ("tabular",), False),
        ('[{"a": 1}, {"a": "2"}]', "[2]{a}:\n  1\n  2", ("tabular",), False),
        ('[{"a": 1}]', "[2]{a}:\n  1", ("tabular",), False),
        ("[[1, 2], [3, 4]]", '[2]{"0","1"}:\n  1,2\n  3,4', ("tabular", "grouped"), True),
        ("[[1, 2], [3, 4]]", '[2]{"0","1"}:\n  1,2\n  3,4', ("tabular",), False),
        ("\x1b[1mok\x1b[m", "ok", ("terminal",), True),
        ("\x1b[1mok\x1b[m", "OK", ("terminal",), False),
        ("a b\na b\na b", "a b\n[... the line above 2 times more]", ("terminal",), True),
        ("a b\na b\na b", "a b\n[... the line above 3 times more]", ("terminal",), False),
        ("a  \n\n\n\n\nb", "a\n\n\nb", ("whitespace",), True),
        ("a  \n\n\n\n\nb", "a\n\n\nc", ("whitespace",), False),
        ("  1\ta\n  2\tb\n", "1\ta\n2\tb\n", ("listing",), True),
        ("  1\ta\n  2\tb\n", "1\ta\n3\tb\n", ("listing",), False),
        ("a.py:1:x\na.py:2:y", "a.py\n1:x\n2:y", ("headings",), True),
        ("a.py:1:x\na.py:2:y", "b.py\n1:x\n2:y", ("headings",), False),
        ("same", "same", (), True),
    ],
)
def test_equal(original: str, text: str, passes: tuple[str, ...], equal: bool) -> None:
    assert decodes_equal(original, Result(text, passes, lossless=True)) is equal


def test_lossy_is_never_equal() -> None:
    assert not decodes_equal("same", Result("same", ("long_results",), lossless=False))
