"""What is a word, and what must stay to the byte."""

import pytest

from tailrace_plugins.semantic_cache.verifier.tokens import lossless, marked, tokenise


def cut(text: str) -> list[tuple[str, str]]:
    return [(token.text, token.kind) for token in tokenise(lossless(text))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Don't stop!", [("don't", "word"), ("stop", "word"), (".", "end")]),
        ("e-mail", [("e", "word"), ("mail", "word")]),
        ("C++ or C#?", [("c++", "word"), ("or", "word"), ("c#", "word"), ("?", "end")]),
        ("U.S. law", [("us", "word"), ("law", "word")]),
        ("5km", [("5km", "number")]),
        ("8 - 3", [("8", "number"), ("-", "mark"), ("3", "number")]),
        ("a < b", [("a", "word"), ("<", "mark"), ("b", "word")]),
        ("(well) – then…", [("well", "word"), ("then", "word")]),
        ("Ça va？", [("ça", "word"), ("va", "word"), ("?", "end")]),
        ("東京", [("東", "word"), ("京", "word")]),
        ("GitHub", [("github", "word")]),
        ("hi 👋", [("hi", "word")]),
        ("hi 🐍", [("hi", "word"), ("🐍", "mark")]),
    ],
)
def test_words_and_signs(text: str, expected: list[tuple[str, str]]) -> None:
    assert cut(text) == expected


@pytest.mark.parametrize(
    "literal",
    ["`ls -a`", "./src/a.py", "src/a.py", "--force", "-f", "https://x.org/A?b=1", "a@b.org", "foo_bar", "os.path", "getUser",
     "UserService", "${HOME}", "{{name}}", "@user", "C:\\tmp", "main()", "HEAD_SHA", "#42"],
)  # fmt: skip
def test_literals_keep_every_byte(literal: str) -> None:
    assert cut(f"what is {literal} then")[2] == (literal, "exact")


def test_a_quote_is_one_literal() -> None:
    assert cut('say "Hello  World" now')[1] == ("Hello  World", "exact")
    assert cut("say “Hello” now")[1] == ("Hello", "exact")


def test_lossless_unifies_what_nobody_sees() -> None:
    assert lossless(" cafe\u0301\r\n") == "café"
    assert lossless("A b") == "A b"


def test_a_full_stop_that_shortens_ends_no_sentence() -> None:
    assert cut("tin vs. zinc.") == [("tin", "word"), ("vs", "word"), ("zinc", "word"), (".", "end")]
    assert cut("a Ph.D now") == [("a", "word"), ("phd", "word"), ("now", "word")]


@pytest.mark.parametrize(
    ("one", "other", "wanted"),
    [
        ("what does `git status` show", "what does git status show", "what does `git status` show"),
        ("run `npm ci`", "run npm ci-x", "run npm ci-x"),
        ("what is `a b`", "what is a b or a b", "what is a b or a b"),
        ("`Foo`", "foo", "foo"),
    ],
)
def test_code_is_marked_where_the_other_text_marks_it(one: str, other: str, wanted: str) -> None:
    assert marked(one, other) == (one, wanted)
    assert marked(other, one) == (wanted, one)
