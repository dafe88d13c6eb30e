import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace.sim.tokens import Segment, Tokenizer, count, pieces


@given(st.text())
def test_pieces_join_to_the_text(text):
    assert "".join(pieces(text)) == text
    assert count(text) == len(pieces(text))


def test_prose_has_about_four_characters_a_token():
    text = "The quick brown fox jumps over the lazy dog while the measured river carries the leaves away. " * 20
    assert 3.0 < len(text) / count(text) < 5.5


@pytest.mark.parametrize("tokens", [0, 1, 3, 7])
def test_a_segment_knows_where_its_tokens_end(tokens):
    segment = Segment("one two, three four! five (six)")
    assert segment.text[: segment.end_of(tokens)] == "".join(pieces(segment.text)[:tokens])


def test_a_large_segment_is_not_counted_token_by_token():
    segment = Segment("x y " * 100_000)
    assert segment.count == 100_000
    assert segment.end_of(segment.count) == len(segment.text)


def test_the_tokenizer_remembers_and_stays_within_its_bound():
    tokenizer = Tokenizer(max_chars=100)
    first = tokenizer.segment("a" * 60)
    assert tokenizer.segment("a" * 60) is first
    tokenizer.segment("b" * 60)
    assert tokenizer.segment("a" * 60) is not first
