"""The verdict as a whole: what passes, what never passes, and that nothing hostile breaks it."""

import string
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tailrace_plugins.semantic_cache.verifier import REASONS, candidate_floor, verify
from tailrace_plugins.semantic_cache.verifier.decide import allowance, explained

SAME = [
    # frames and politeness
    ("How do I bake bread?", "What's the best way to bake bread?"),
    ("How can I bake bread", "could you please tell me how to bake bread?"),
    ("Hi! How do I reset the router? Thanks!", "how do i reset the router"),
    ("Explain what a closure is.", "What is a closure?"),
    ("Why is the sea salty?", "What is the reason the sea is salty?"),
    ("Do you know why the sea is salty?", "Why is the sea salty?"),
    ("Is it possible to grow rice at home?", "Can I grow rice at home?"),
    ("How much does a ferry ticket cost?", "What is the price of a ferry ticket?"),
    ("How long does it take to learn Welsh?", "How much time does it take to learn Welsh?"),
    # words
    ("How can I become more cheerful?", "How can I become more joyful?"),
    ("Is that parrot sitting on the roof?", "Is that parrot actually sitting on the roof?"),
    ("Where can I buy a cheap bicycle?", "Where can I purchase an inexpensive bike?"),
    ("Which colour is best for a kitchen?", "Which color is best for a kitchen?"),
    ("How do I deploy to k8s?", "How do I deploy to Kubernetes?"),
    ("Give me five ideas.", "Give me 5 ideas."),
    ("Who won on 4 July 1999?", "Who won on July 4th, 1999?"),
    ("Wake me at 6 pm", "Wake me at 18:00"),
    # order and roles
    ("Is Ben Ode a baker and a singer?", "Is Ben Ode a singer and a baker?"),
    ("Is Ben Ode a Danish baker?", "Is Ben Ode a baker and Danish?"),
    ("In Rust, how do I copy a vector?", "How do I copy a vector in Rust?"),
    ("Did Ann sell the boat?", "Was the boat sold by Ann?"),
    ("Is Ann dating Ben?", "Is Ben dating Ann?"),
    ("Are wolves faster than goats?", "What is faster, goats or wolves?"),
    ("What is the difference between tin and zinc?", "How does zinc differ from tin?"),
    ("Who do farmers think is the best mayor?", "Who is the best mayor according to farmers?"),
    # opposites turned round twice
    ("How can I become more polite?", "How can I become less rude?"),
    ("How can I become a polite person?", "How can I become a person who is not rude?"),
    ("List the shops with at least 10 clerks", "List the shops with 10 or more clerks"),
    ("I want to bake bread. How can I do that?", "How do I bake bread?"),
    ("Explain the command git rebase -i HEAD~3", "Explain the command `git rebase -i HEAD~3`"),
    ("Which shops sell Rust books?", "which shops sell rust books"),
    ("Where can I donwload the form?", "Where can I download the form?"),
    # an introduction that does not matter
    (
        "My pet hen eats corn. Is it normal for animals to eat corn?",
        "My pet ape eats corn. Is it normal for animals to eat corn?",
    ),
    # other languages
    ("Wie kann ich das Fenster öffnen?", "Könnten Sie mir bitte sagen, wie ich das Fenster öffnen kann?"),
    ("Comment puis-je fermer mon compte ?", "Bonjour, comment fermer mon compte, s'il vous plaît ?"),
    ("¿Cómo puedo cerrar la ventana?", "Hola, ¿me podrías decir cómo cerrar la ventana? Gracias"),
    ("Come posso chiudere la finestra?", "come chiudere la finestra per favore"),
    ("Как открыть окно?", "Подскажите, пожалуйста, как открыть окно?"),
    ("怎么打开窗户？", "请问怎样打开窗户"),
    ("Warum ist der Zug zu spät?", "Könnt ihr mir sagen, warum der Zug zu spät ist?"),
    ("Wat is de hoofdstad van Chili?", "Kun je me vertellen wat de hoofdstad van Chili is?"),
    ("Como cancelo meu curso?", "Como posso cancelar meu curso?"),
    ("窓を開ける方法を教えて", "窓を開ける方法を教えていただけますか?"),
]

DIFFERENT = [
    ("How do I open port 80?", "How do I open port 81?", "number"),
    ("Is Ann Lee a pilot?", "Is Eva Lee a pilot?", "name"),
    ("Is it safe to swim here?", "Is it safe not to swim here?", "negation"),
    ("What does `ls -a` do?", "What does `ls -A` do?", "literal"),
    ("Delete ./a.txt", "Delete ./b.txt", "literal"),
    ("What does getUser do?", "What does getuser do?", "literal"),
    ("What was his life before becoming a judge?", "What was his life after becoming a judge?", "direction"),
    ("Is Ann hurting Ben?", "Is Ben hurting Ann?", "order"),
    ("Wie alt ist der Baum?", "How old is the tree?", "language"),
    ("Is Ann Lee a pilot?", "Is Ann Lee an excellent pilot?", "added-words"),
    ("Which tests pass?", "Which tests break?", "other-words"),
    ("When did the war end?", "Where did the war end?", "question-type"),
]

# Near misses, whatever their reason is called.
NEVER = [
    ("How can I become more polite?", "How can I become less polite?"),
    ("How can I become a rude person?", "How can I become a person who is not rude?"),
    ("Did Ann like the car?", "Was Ann liked by the car?"),
    ("Is Ann a nurse or a pilot?", "Is Ann a nurse and a pilot?"),
    ("Is Ann a nurse?", "Did Ann use to be a nurse?"),
    ("Is Ann a nurse?", "Is Ann becoming a nurse?"),
    ("Are wolves faster than goats?", "Are goats faster than wolves?"),
    ("Are people in Peru richer than people in Chile?", "Are people in Chile richer than people in Peru?"),
    ("Stop and restart the job", "Restart and stop the job"),
    ("Delete all logs", "Delete some logs"),
    ("Delete the log", "Delete the logs"),
    ("Delete my branch", "Delete his branch"),
    ("Can I restart it?", "Should I restart it?"),
    ("Deploy to staging", "Deploy to production"),
    ("Convert feet to inches", "Convert inches to feet"),
    ("How can I help you?", "How can you help me?"),
    ("Is there a bus to Bonn?", "Is there a bus in Bonn?"),
    ("What is the error?", "What is an error?"),
    ("What does us mean?", "What does US mean?"),
    ("Write a client", "Write an aclient"),
    ("Explain recursion", "Explain recursion in one sentence"),
    ("Is x > y?", "Is x < y?"),
    ("Review just the tests", "Review the tests"),
    ("Are any nodes healthy?", "Are nodes healthy?"),
    ("List shops with at least 10 clerks", "List shops with at most 10 clerks"),
    ("What is the value of `A B`?", "What is the value of `A  B`?"),
    ("Borra mi cuenta", "Borra la cuenta"),
    ("Der Hund beißt den Mann", "Den Hund beißt der Mann"),
    ("小明打了小红", "小红打了小明"),
    ("Do few users pay?", "Do a few users pay?"),
    ("Can someone delete my account?", "Delete my account"),
    ("How can someone see my files?", "How can I see my files?"),
    ("What day does it start?", "What time does it start?"),
    ("How do I say thanks?", "How do I say sorry?"),
    ("What makes you angry?", "Why are you angry?"),
    ("Who succeeded Ann?", "Who did Ann succeed?"),
    ("Did the storm cause the fire?", "Was the storm caused by the fire?"),
    ("How do I bake bread step by step?", "How do I bake bread?"),
    ("What is the name of the dog's owner?", "What is the name of the owner's dog?"),
    ("I hurt my leg. Is it normal to hurt this part?", "I hurt my arm. Is it normal to hurt this part?"),
    ("My dog ate rice. Is rice bad for it?", "My cat ate rice. Is rice bad for it?"),
    ("Lösche alle Dateien", "Lösche keine Dateien"),
    ("Je veux aller de Nice à Metz", "Je veux aller de Metz à Nice"),
    ("怎么打开窗户？", "怎么关闭窗户？"),
]  # fmt: skip


@pytest.mark.parametrize(("a", "b"), SAME)
def test_harmless_differences_pass(a: str, b: str) -> None:
    verdict = verify(a, b, 0.9)
    assert verdict.same, verdict.reason
    assert verdict.confidence >= 0.5
    assert verify(b, a, 0.9) == verdict


@pytest.mark.parametrize(("a", "b", "reason"), DIFFERENT)
def test_a_miss_names_its_reason(a: str, b: str, reason: str) -> None:
    assert verify(a, b, 0.99).reason == reason


@pytest.mark.parametrize(("a", "b"), [*NEVER, *((a, b) for a, b, _ in DIFFERENT)])
def test_unexplained_differences_never_pass(a: str, b: str) -> None:
    # By rule, whatever the similarity; what the learned judgement makes of them at their true one: test_decide_pairs.
    assert not explained(a, b, 1.0).same
    assert not explained(b, a, 1.0, 0.05).same


def test_a_wider_budget_and_a_higher_similarity_allow_more() -> None:
    pair = ("How do I treat acne?", "What is the best way to cure acne?")
    rates = [0.0, 1e-6, 0.0001, 0.001, 0.01, 0.03, 0.1, 1.0]
    verdicts = [verify(*pair, 0.8, rate).same for rate in rates]
    assert verdicts == sorted(verdicts) and verdicts[0] is False and verdicts[-1] is True
    assert [allowance(s, 0.01) for s in (0.5, 0.7, 0.9)] == sorted(allowance(s, 0.01) for s in (0.5, 0.7, 0.9))
    floors = [candidate_floor(rate) for rate in rates]
    assert floors == sorted(floors, reverse=True) and all(0 < floor < 1 for floor in floors)


def test_nothing_allowed_means_equal_texts_only() -> None:
    assert verify("a  b", "a  b ", 1.0, 0.0).same
    assert verify("caf\u00e9", "cafe\u0301", 1.0, 0.0).same
    assert not verify("How do I bake?", "how do I bake?", 1.0, 0.0).same
    assert not verify("a", "b", float("nan")).same


WORDS = st.lists(
    st.sampled_from("the a cat dog how can I not is 5 to from Ann eats in before please what".split()), max_size=9
)


@given(st.text(max_size=300), st.floats(0, 1))
@settings(max_examples=150, deadline=None)
def test_a_text_is_the_same_as_itself(text: str, similarity: float) -> None:
    assert verify(text, text, similarity).same


@given(WORDS, WORDS, st.floats(-1, 1))
@settings(max_examples=300, deadline=None)
def test_symmetric(one: list[str], other: list[str], similarity: float) -> None:
    a, b = " ".join(one), " ".join(other)
    forth = verify(a, b, similarity)
    assert forth == verify(b, a, similarity)
    assert forth.reason in REASONS and 0.0 <= forth.confidence <= 1.0


@given(st.text(max_size=80), st.text(max_size=80), st.floats(allow_nan=True), st.floats(allow_nan=True))
@settings(max_examples=300, deadline=None)
def test_never_raises(one: str, other: str, similarity: float, rate: float) -> None:
    assert verify(one, other, similarity, rate).reason in REASONS


@given(WORDS.filter(bool), st.integers(0, 99), st.integers(0, 99), st.integers(0, 9))
@settings(max_examples=200, deadline=None)
def test_another_number_is_another_question(words: list[str], one: int, other: int, at: int) -> None:
    at = min(at, len(words))
    a, b = (" ".join([*words[:at], str(n), *words[at:]]) for n in (one, other))
    assert verify(a, b, 1.0).same == (one == other)


@given(WORDS.filter(lambda words: "not" not in words), st.integers(0, 9))
@settings(max_examples=200, deadline=None)
def test_a_negation_more_is_another_question(words: list[str], at: int) -> None:
    assert not verify(" ".join(words), " ".join([*words[:at], "not", *words[at:]]), 1.0).same


@given(
    WORDS.filter(bool),
    st.integers(1, 9),
    st.text(string.ascii_lowercase, min_size=3),
    st.text(string.ascii_lowercase, min_size=3),
)
@settings(max_examples=200, deadline=None)
def test_another_name_is_another_question(words: list[str], at: int, one: str, other: str) -> None:
    a, b = (" ".join([*words[:at], "Xy" + name, *words[at:]]) for name in (one, other))
    assert verify(a, b, 1.0).same == (one == other)


HOSTILE = [
    "a" * 100_000, "a" * 1_999, "'" * 1_999, '"' * 1_999, "`" * 1_999, "-" * 1_999, "/" * 1_999, "a/" * 999, "a." * 999,
    "a@" * 999, "@a." * 660, "1," * 999, "((((" * 400, "\x00" * 1_999, "\u0301" * 1_999, "\u202e" * 1_999, "😀" * 1_999,
    "how can i " * 199, "is a or b and " * 140, "what is the best way to " * 80, "than than " * 190, "请" * 1_999, "。" * 1_999,
    "of the of the " * 140, "\ud800", "\U000f0000 \U000f0001", "@howto x", "| | |", "a\nb\n" * 400,
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: repr(text[:8]))
def test_hostile_texts_take_bounded_time(text: str) -> None:
    verify("how do i", "how can i", 0.9)
    started = time.perf_counter()
    verdict = verify(text, text + "b", 0.99)
    # Not a speed test: a pattern that backtracks takes minutes, not milliseconds.
    assert time.perf_counter() - started < 5
    assert verdict.reason in REASONS


def test_long_texts_are_compared_as_they_are() -> None:
    text = "word " * 500
    assert verify(text, text + " ", 1.0).same
    assert verify(text, text + "word", 1.0).reason == "length"
    assert verify("a b " * 100, "a b " * 101, 1.0).reason == "length"


def test_emoji_matter_unless_they_only_smile() -> None:
    assert verify("How do I close my ticket?", "How do I close my ticket? 🙂", 0.99).same
    assert not verify("What does 👍 mean?", "What does 👎 mean?", 0.99).same
    assert not verify("I am at work 👍", "I am at work 👎", 0.99).same


@given(WORDS, WORDS, st.floats(0, 1), st.floats(0, 1), st.floats(0, 0.2), st.floats(0, 0.2))
@settings(max_examples=200, deadline=None)
def test_what_passes_passes_with_more_similarity_and_a_wider_budget(
    one: list[str], other: list[str], s1: float, s2: float, r1: float, r2: float
) -> None:
    a, b = " ".join(one), " ".join(other)
    if verify(a, b, min(s1, s2), min(r1, r2)).same:
        assert verify(a, b, max(s1, s2), max(r1, r2)).same
