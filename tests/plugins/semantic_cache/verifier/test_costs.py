"""What differences cost, and which have no price."""

from tailrace_plugins.semantic_cache.verifier.costs import NEVER, canonical, dropped, opposite, swapped
from tailrace_plugins.semantic_cache.verifier.words import NOT, Word


def test_what_may_come_and_go() -> None:
    assert dropped(Word("the"), "en") < dropped(Word("really"), "en") < NEVER
    for key in ("not", "excellent", "5", "`x`", "all", "only", "before"):
        assert dropped(Word(key), "en") >= NEVER, key


def test_did_carries_the_past() -> None:
    assert dropped(Word("do"), "en") < NEVER <= dropped(Word("do", "ed"), "en")


def test_what_may_stand_for_another() -> None:
    assert swapped(Word("cat"), Word("cat", "s"), "en") < NEVER
    assert swapped(Word("win", "ed"), Word("win"), "en") >= NEVER
    assert swapped(Word("tip"), Word("advice"), "en") < NEVER
    for pair in (("cat", "dog"), ("5", "6"), ("not", "never"), ("before", "after"), ("staging", "production")):
        assert swapped(Word(pair[0], raw=pair[0]), Word(pair[1], raw=pair[1]), "en") >= NEVER, pair
    assert swapped(Word("`ls`"), Word("`la`"), "en") >= NEVER


def test_homographs_differ_by_their_capital() -> None:
    assert swapped(Word("us", raw="us"), Word("us", raw="us", capital=True), "en") >= NEVER
    assert swapped(Word("ann", raw="ann"), Word("ann", raw="ann", capital=True), "en") < NEVER


def test_a_denied_quality_is_its_opposite() -> None:
    assert opposite(Word("rude"), Word("polite"), "en") and opposite(Word("polite"), Word("rude"), "en")
    assert swapped(Word(NOT + "rude"), Word("polite"), "en") < NEVER
    assert swapped(Word(NOT + "rude"), Word("rude"), "en") >= NEVER


def test_accents_matter_unless_one_text_has_none() -> None:
    assert swapped(Word("peche", raw="pêche"), Word("peche", raw="péché"), "fr") >= NEVER
    assert swapped(Word("peche", raw="pêche"), Word("peche", raw="peche", plain=True), "fr") < NEVER


def test_synonyms_share_a_key() -> None:
    assert canonical("smart", "en") == canonical("intelligent", "en")
    assert canonical("unheard", "en") == "unheard"


def test_a_derived_word_is_near_its_root() -> None:
    assert swapped(Word("happy"), Word("happiness"), "en") < NEVER
    assert swapped(Word("invest"), Word("investment"), "en") < NEVER
    for pair in (("universe", "university"), ("human", "humane"), ("intern", "internal"), ("sever", "several")):
        assert swapped(Word(pair[0], raw=pair[0]), Word(pair[1], raw=pair[1]), "en") >= NEVER, pair


def test_a_redundant_noun_needs_a_name_before_it() -> None:
    assert dropped(Word("programming"), "en", Word("java", capital=True)) < NEVER
    assert dropped(Word("programming"), "en", Word("good")) >= NEVER
