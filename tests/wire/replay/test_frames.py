import pytest

from tailrace.wire.replay.frames import pieces


@pytest.mark.parametrize(
    ("text", "size", "expected"),
    [
        ("abcde", 2, ["ab", "cd", "e"]),
        ("abcde", 0, ["abcde"]),
        ("abcde", -1, ["abcde"]),
        ("abcde", 99, ["abcde"]),
        ("", 0, []),
        ("", 3, []),
    ],
)
def test_pieces(text, size, expected):
    assert list(pieces(text, size)) == expected
