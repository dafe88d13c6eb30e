import time
from collections import Counter

import pytest

from tailrace_plugins.router.features.text import amount, density, jargon, kinds, measure, sentences, words_of


def kinds_in(text: str, language: str) -> dict[str, float]:
    low = text.lower()
    return {name: count for name, count in kinds(low, Counter(words_of(low)), language).items() if count}


@pytest.mark.parametrize(
    ("text", "language", "wanted"),
    [
        ("Prove that every bounded sequence converges", "en", {"hard"}),
        ("translate 'good morning' to French", "en", {"ease"}),
        ("Refactor the module, step by step", "en", {"plan", "reason", "code"}),
        ("thanks!", "en", {"greet"}),
        ("Beweise, dass die Folge konvergiert", "de", {"hard"}),
        ("Traduis cette phrase en anglais", "fr", {"ease"}),
        ("¿Por qué el cielo es azul? Explica paso a paso", "es", {"reason"}),
        ("Докажи теорему", "ru", {"hard", "maths"}),
        ("证明这个定理", "zh", {"hard", "maths"}),
        ("この文を英語に翻訳してください", "ja", {"ease"}),
        ("이 코드를 리팩토링해 줘", "ko", {"plan", "code"}),
        ("أثبت النظرية", "ar", {"hard", "maths"}),
        ("इस समीकरण को हल करें", "hi", {"maths"}),
    ],
)
def test_words_speak_for_kinds(text: str, language: str, wanted: set[str]) -> None:
    assert wanted <= set(kinds_in(text, language))


def test_english_words_count_in_any_language() -> None:
    assert kinds_in("重构这个 function 并 debug", "zh")["code"] >= 1


def test_each_occurrence_of_a_word_counts_and_a_phrase_once() -> None:
    found = kinds_in("prove it, prove it; a race condition and a race condition", "en")
    assert found["hard"] == 3


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        ("   ", 0),
        ("one", 1),
        ("One. Two? Three!", 3),
        ("Pi is 3.14 today.", 1),
        ("第一。第二。", 2),
        ("एक। दो।", 2),
    ],
)
def test_sentences(text: str, count: int) -> None:
    assert sentences(text) == count


@pytest.mark.parametrize(
    ("text", "count"),
    [("", 0), ("The cat sat.", 0), ("The NATO and the IMF", 2), ("call getUser or HTTPServer", 2), ("I am", 0)],
)
def test_acronyms_and_identifiers(text: str, count: int) -> None:
    assert jargon(text) == count


def test_measures_of_words() -> None:
    found = measure("the the internationalisation? ok?", words_of("the the internationalisation? ok?"), "en")
    assert found["words"] == 4
    assert found["questions"] == 2
    assert found["distinct_words"] == 0.75
    assert found["long_words"] == 0.25
    assert found["word_length"] == pytest.approx((3 + 3 + 20 + 2) / 4)


def test_texts_without_spaces_are_counted_by_signs() -> None:
    assert amount("进程和线程有什么区别", ("进程和线程有什么区别",), "zh") == 5
    assert density("zh") > density("en") == 1


def test_nothing_measures_as_nothing() -> None:
    assert not any(measure("", (), "").values())


def test_many_words_are_cut_and_take_no_time() -> None:
    began = time.perf_counter()
    assert len(words_of("a " * 500_000)) == 600
    assert time.perf_counter() - began < 5
