import pytest

from tailrace.telemetry.words import Few, clean, error_word, method_word, reason_word


@pytest.mark.parametrize("word", ["429", "timeout", "rate_limit_exceeded", "ValueError", "bad-answer", "context_2"])
def test_words_that_are_error_types(word):
    assert error_word(word) == word


@pytest.mark.parametrize("word", ["sk-abc123", "hello there", "", "a" * 99, "42", "x_" + "y" * 30, "Grüße"])
def test_what_is_none(word):
    assert error_word(word) == "_OTHER"


def test_clean():
    assert clean("abc", 2) == "ab"
    assert clean("\udcff") == "?"
    assert clean("Grüße") == "Grüße"


def test_methods_and_reasons():
    assert method_word("GET") == "GET"
    assert method_word("get") == "_OTHER"
    assert reason_word("routed(gpt-4o)") == "routed"


def test_few_takes_the_first_and_keeps_them():
    few = Few(2)
    assert [few(word) for word in "abca"] == ["a", "b", "other", "a"]
    assert "a" in few
    assert "c" not in few
