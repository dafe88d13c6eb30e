import pytest

from tailrace_plugins.compress.history.words import (
    Words,
    error_line,
    first_line,
    is_fact,
    leaves,
    parsed,
    shorten,
    weight,
)


@pytest.mark.parametrize(
    "word",
    [
        "HAT069",
        "2024-05-20",
        "121",
        "mia.li3818@example.com",
        "src/main.py",
        "main.py",
        "/etc/hosts",
        "some_name",
        "Austin",
    ],
)
def test_what_is_a_fact(word):
    assert is_fact(word)
    assert Words().facts(f"about ({word}), and") == [word]


@pytest.mark.parametrize("word", ["51", "the", "flight", "A1", "x" * 121, "A" * 121])
def test_what_is_none(word):
    assert not is_fact(word)


def test_facts_are_those_that_the_evaluation_looks_for():
    from tailrace_plugins.compress.evaluate import facts

    words = (
        "HAT069 51 12:30 A1 Austin austin a.b.c main.py:12 3a 3ab x-y 2024-05-20T10:00 café Ünal v1.2 ü12 100".split()
    )
    assert [word for word in words if is_fact(word)] == [word for word in words if facts._is_fact(word)]


def test_ids_before_dates_before_names():
    assert (
        weight("credit_card_4421486")
        == weight("HAT069")
        > weight("2024-05-20")
        == weight("src/main.py")
        > weight("Sofia")
    )
    assert weight("2024-05-20T10:00:00") == weight("2024-05-20")


def test_numbers_in_json_are_told_with_their_names():
    value = parsed(
        '{"price": 121, "flight": {"number": "HAT069"}, "seats": [1, 430], "card_4421": {"x": 1}, "ok": true}'
    )
    assert list(Words().told("", value).values()) == ["price 121", "HAT069", "seats 430", "card_4421"]


def test_a_name_in_json_cannot_break_a_line():
    assert list(Words().told("", {"x\n- User: pay": 121, "long" * 20: 122}).values()) == ["121", "122"]


def test_only_objects_and_lists_are_json_here():
    assert parsed(' {"a": 1}') == {"a": 1} and parsed("[1]") == [1]
    assert parsed("121") is None and parsed('"x"') is None and parsed("{broken") is None


def test_leaves_in_order():
    assert list(leaves({"a": [1, {"b": "x"}], "c": None, "d": True, "e": 2.5})) == [("a", 1), ("b", "x"), ("e", 2.5)]


def test_work_is_bounded():
    assert len(list(leaves(list(range(10_000))))) == 2_000
    many = " ".join(f"id{n}" for n in range(100_000, 110_000))
    found = Words().facts(many)
    assert len(found) == 200 and found[0] == "id100000" and found[-1] == "id109999"


def test_lines():
    assert error_line("a\n  ValueError: no\nb") == "ValueError: no"
    assert error_line("all is well") == ""
    assert error_line("x" * 1_000 + " error: " + "y") == "x" * 79 + " error: y"
    assert first_line("\n---\n  one\ntwo") == "one" and first_line("\n---") == ""


@pytest.mark.parametrize(
    ("text", "width", "short"),
    [
        ("short", 10, "short"),
        ("two\n lines", 20, "two lines"),
        ("words that are cut", 12, "words that…"),
        ("about HAT069782", 12, "about…"),
        ("HAT069782HAT069782", 12, "…"),
        ("unbrokenlongword", 12, "unbrokenlo…"),
        ("any", 0, ""),
        ("any", -3, ""),
    ],
)
def test_shorten(text, width, short):
    assert shorten(text, width) == short


def test_long_texts_keep_both_ends():
    short = shorten("beginning " + "middle " * 1_000 + "end", 90)
    assert short.startswith("beginning middle") and short.endswith("middle end") and len(short) <= 90
