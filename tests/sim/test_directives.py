import pytest

from tailrace.sim.directives import Directives, parse


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ([], Directives()),
        (["no directive"], Directives()),
        (["go [[sim: rounds=8 parallel=2]] on"], Directives(rounds=8, parallel=2)),
        (['[[sim: text="hello there" tokens=20]]'], Directives(text="hello there", tokens=20)),
        ([r'[[sim: text="a \"b\"\nc"]]'], Directives(text='a "b"\nc')),
        (["[[sim: delay=0 first=12.5]]"], Directives(delay=0.0, first=12.5)),
        (["[[sim: rounds=1]]", "[[sim: rounds=2]]"], Directives(rounds=2)),
        (["[[sim: rounds=1]] and [[sim: parallel=3]]"], Directives(rounds=1, parallel=3)),
        (["[[sim: rounds=many unknown=1 tokens=5]]"], Directives(tokens=5)),
        (["[[sim: tokens=-4]]"], Directives(tokens=0)),
        (["[[sim: finish=length tool=search refusal=no]]"], Directives(finish="length", tool="search", refusal="no")),
    ],
)
def test_parse(texts, expected):
    assert parse(texts) == expected
