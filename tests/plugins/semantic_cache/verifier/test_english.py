"""Word order of English questions."""

import pytest

from tailrace_plugins.semantic_cache.verifier import english
from tailrace_plugins.semantic_cache.verifier.english import activate, expand, lead, letters, one_person, unfold


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("don't", "do not"),
        ("can't", "can not"),
        ("what's", "what is"),
        ("ann's", "ann 's"),
        ("we'll", "we will"),
        ("cat", "cat"),
    ],
)
def test_contractions(word: str, expected: str) -> None:
    assert " ".join(expand(word)) == expected


@pytest.mark.parametrize(
    ("indirect", "direct"),
    [
        ("why the sky is blue", "why is the sky blue"),
        ("what do cats eat", "what cats eat"),
        ("which bus does it take", "which bus it take"),
        ("what a closure is", "what is a closure"),
        ("what did he do", "what did he do"),
        ("how many people can swim", "how many people can swim"),
        ("@yn the shop is open", "is the shop open"),
        ("open the door", "open the door"),
    ],
)
def test_questions_take_the_direct_order(indirect: str, direct: str) -> None:
    assert " ".join(unfold(indirect.split())) == direct


@pytest.mark.parametrize(
    ("passive", "active"),
    [
        ("was the boat sold by ann", "did ann sell the boat"),
        ("is ben trusted by ann", "@yn ann trust ben"),
        ("who was emma written by", "who wrote emma"),
        ("how are files cached by the proxy", "how the proxy cache files"),
        ("is the shop by the sea", "is the shop by the sea"),
        ("is it cheaper by train", "is it cheaper by train"),
    ],
)
def test_passives_become_active(passive: str, active: str) -> None:
    assert " ".join(activate(passive.split())) == active


def test_a_leading_phrase_goes_last() -> None:
    assert lead("in rust , how do i loop".split()) == "how do i loop in rust".split()
    assert lead("in rust how do i loop".split()) == "how do i loop in rust".split()
    assert lead("delete it , then stop".split()) == "delete it , then stop".split()


def test_the_letter_a_is_no_article() -> None:
    assert letters("move a to b".split())[1] != "a"
    assert letters("move a box".split())[1] == "a"


def test_you_is_anybody_only_where_nobody_else_is_meant() -> None:
    assert one_person(["@howto", "train", "your", "dog"], "how do you train your dog".split())[2] == "@my"
    assert one_person(["@howto", "help", "you"], "how can i help you".split())[2] == "you"
    assert one_person(["what", "you", "do"], "what do you do".split()) == ["what", "you", "do"]


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("what makes babies cry", "why babies cry"),
        ("what makes a good leader", "what makes a good leader"),
        ("what makes my dog so angry", "what makes my dog so angry"),
    ],
)
def test_what_makes_is_why_only_before_a_deed(words: str, wanted: str) -> None:
    assert " ".join(english.causes(words.split())) == wanted


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("how can a skinny guy build muscle", "@howto build muscle as a skinny guy"),
        ("how can someone without experience get a job", "@howto get a job without experience"),
        ("how do people sleep", "@howto sleep"),
        ("how can someone see my files", "how can someone see my files"),
        ("how many people speak latin", "how many people speak latin"),
        ("@howto students to earn money", "@howto earn money as students"),
    ],
)
def test_anybody_asks_how_to(words: str, wanted: str) -> None:
    assert " ".join(english.anybody(words.split())) == wanted


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("unpaid bills", "not paid bills"),
        ("bills not unpaid", "bills paid"),
        ("unlocked doors", "unlocked doors"),
        ("undo it", "undo it"),
    ],
)
def test_a_denying_prefix_is_a_word(words: str, wanted: str) -> None:
    assert " ".join(english.denied(words.split())) == wanted


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("switch the light off", "switch off the light"),
        ("@howto turn the heating up", "@howto turn up the heating"),
        ("turn up the heating", "turn up the heating"),
        ("send the cat to the vet and back", "send the cat to the vet and back"),
    ],
)
def test_a_particle_stands_beside_its_verb(words: str, wanted: str) -> None:
    assert " ".join(english.particles(words.split())) == wanted


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("um so how do i uh restart it", "how do i restart it"),
        ("how do i restart it , you know", "how do i restart it ,"),
        ("hello", "hello"),
        ("um", "um"),
        ("is like a verb", "is like a verb"),
    ],
)
def test_fillers_go(words: str, wanted: str) -> None:
    assert " ".join(english.unfilled(words.split())) == wanted


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("the build was broken by the intern , find it", "the intern broke the build , find it"),
        ("which files were changed by ann", "which files did ann change"),
        ("stand by me", "stand by me"),
    ],
)
def test_more_passives(words: str, wanted: str) -> None:
    assert " ".join(english.activate(words.split())) == wanted
