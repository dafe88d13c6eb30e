import pytest

from tailrace_plugins.router.features.wordlists import (
    KINDS,
    LANGUAGES,
    NOTHING,
    UNSPACED,
    Lexicon,
    lexicon,
    lines,
    warm,
)


@pytest.mark.parametrize("code", LANGUAGES)
def test_every_language_has_words_of_every_kind_that_matters(code: str) -> None:
    wanted = {
        "small",
        "reason",
        "plan",
        "maths",
        "ease",
        "hard",
        "limit",
        "brief",
        "greet",
        "debug",
        "write",
        "code",
        "ask",
    }
    assert wanted <= set(lines(code)) <= wanted | set(KINDS)
    for kind in wanted:
        entries = lines(code)[kind]
        assert len(entries) >= 2, kind
        assert all(entry == entry.lower() and entry.strip("*") for entry in entries), kind


@pytest.mark.parametrize(
    ("code", "word", "kind"),
    [
        ("en", "proves", "hard"),
        ("en", "explaining", "reason"),
        ("en", "refactored", "plan"),
        ("de", "beweise", "hard"),
        ("de", "übersetze", "ease"),
        ("fr", "traduisez", "ease"),
        ("es", "demuestra", "hard"),
        ("it", "progettare", "plan"),
        ("pt", "demonstre", "hard"),
        ("nl", "bewijs", "hard"),
        ("ru", "докажите", "hard"),
        ("pl", "udowodnij", "hard"),
        ("tr", "kanıtlayın", "hard"),
    ],
)
def test_words_are_known_by_their_stems(code: str, word: str, kind: str) -> None:
    assert kind in lexicon(code).entry(word)[0]


def test_phrases_are_kept_with_their_first_word() -> None:
    assert ("race condition", ("hard",)) in lexicon("en").entry("race")[1]


@pytest.mark.parametrize("code", sorted(UNSPACED))
def test_languages_without_spaces_are_looked_up_anywhere(code: str) -> None:
    assert sum(map(len, lexicon(code).anywhere.values())) > 100


def test_what_is_no_word_is_neither_known_nor_remembered() -> None:
    own = Lexicon("en")
    assert own.entry("x" * 41) == own.entry("qqqq") == NOTHING
    assert "x" * 41 not in own._known


def test_memory_stays_bounded() -> None:
    own = Lexicon("en")
    for number in range(20_500):
        own.entry(f"w{number}")
    assert len(own._known) <= 20_000


def test_all_lists_can_be_read_ahead() -> None:
    warm()
    assert lexicon.cache_info().currsize == len(LANGUAGES)
