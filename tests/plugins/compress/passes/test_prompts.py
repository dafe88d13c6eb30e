import pytest
from growth_kit import assert_grows_with_size_alone
from hypothesis import given
from hypothesis import strategies as st

from tailrace_plugins.compress.passes import prompts
from tailrace_plugins.compress.passes.prompts import RULES

ROWS = [
    ("Please note that the file is large.", "the file is large."),
    ("Keep in mind that it is late.", "it is late."),
    ("Remember that it is late.", "it is late."),
    ("It is important to note that it is late.", "it is late."),
    ("It should be noted that it is late.", "it is late."),
    ("It is worth mentioning that it is late.", "it is late."),
    ("Needless to say, it is late.", "it is late."),
    ("I would like you to write a test.", "write a test."),
    ("I need you to write a test.", "write a test."),
    ("Go on. Please cd into it.", "Go on. cd into it."),
    ("Wait in order to see.", "Wait to see."),
    ("Wait so as to see.", "Wait to see."),
    ("Due to the fact that it failed, stop.", "Because it failed, stop."),
    ("Stop for the reason that it failed.", "Stop because it failed."),
    ("Despite the fact that it failed, go on.", "Although it failed, go on."),
    ("In the event that it fails, stop.", "If it fails, stop."),
    ("Stop at this point in time.", "Stop now."),
    ("Wait until such time as it ends.", "Wait until it ends."),
    ("Stop prior to the end.", "Stop before the end."),
    ("Stop subsequent to the end.", "Stop after the end."),
    ("Read it for the purpose of testing.", "Read it for testing."),
    ("Delete all with the exception of one.", "Delete all except one."),
    ("Stand in close proximity to it.", "Stand near it."),
    ("Who has the ability to see?", "Who can see?"),
    ("Read each and every line.", "Read every line."),
    ("First and foremost, read it.", "First, read it."),
    ("You should make use of it.", "You should use it."),
    ("Go on, making use of it.", "Go on, using it."),
    ("Take into consideration all costs.", "Consider all costs."),
    ("It runs on a daily basis.", "It runs daily."),
]


@pytest.mark.parametrize(("rule", "row"), list(zip(RULES, ROWS, strict=True)), ids=lambda one: str(one)[:30])
def test_each_rule(rule: prompts.Rule, row: tuple[str, str]) -> None:
    text, made = row
    assert prompts.apply(text) == made
    # It is this rule that does it.
    assert next(one for one, pattern in prompts._COMPILED if pattern.search(text)) == rule


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("one\n\n\n\ntwo", "one\n\ntwo"),
        ("one\n \n\t\n\ntwo", "one\n\ntwo"),
        ("one\n\n---\n\ntwo", "one\n\ntwo"),
        ("one\n\n* * *\n\ntwo", "one\n\ntwo"),
        ("Please note that down.", "note that down."),
        ("- please note that it is late\n- go", "- it is late\n- go"),
        ("1. Please write it. Please do not stop.", "1. write it. do not stop."),
        ("I would like you to never stop. Please wait.", "I would like you to never stop. wait."),
    ],
)
def test_other_filler(text: str, made: str) -> None:
    assert prompts.apply(text) == made


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "nothing"),
        ("Wait for it.", "no filler"),
        ("```\nPlease note that x in order to\n```", "code"),
        ("~~~\nin order to", "code that is not closed"),
        ("Do it:\n\n    in order to\n", "indented code"),
        ("Run `in order to`.", "code in a line"),
        ('He said "in order to go".', "a quote"),
        ("He said \u201cin order to go\u201d.", "a quote"),
        ("He said 'in order to go'.", "a quote"),
        ('A quote " that is not whole, in order to go.', "half a quote"),
        ('He said "go\nin order to stay" and', "a quote over two lines"),
        ("> in order to go", "a quotation"),
        ('{"a": "b",\n"c": in order to}', "JSON"),
        ("{ never closed, in order to", "half of JSON"),
        ("Use [in order to].", "brackets"),
        ("<doc>\nin order to go\n</doc>", "between tags"),
        ("<a><b>x</b> in order to go</a>", "between tags"),
        ("see https://a.b/in order", "an address"),
        ("| a | in order to | b |", "a table"),
        ("A. in order to go\n(B) in order to stay", "answers to choose"),
        ("In Order To", "a title"),
        ("IN ORDER TO WIN", "a shout"),
        ("She asked what I would like you to do.", "no sentence's start"),
        ("I would like you to not go.", "a negation"),
        ("I want you to never go.", "a negation"),
        ("If you say please, it opens.", "no sentence's start"),
        ("Please the customer.", "a verb"),
        ("Please John.", "a name"),
        ("What I need you to do is this.", "no sentence's start"),
        ("Your job is to help him.", "a story"),
        ("Translate the following. Wait in order to see.", "the text is the task"),
        ("Which sentence is right? Answer: in order to go", "the text is the task"),
        ("How many words are below?\nin order to go", "the text is the task"),
        ("Title\n---\ntext", "a heading"),
        ("Please", "nothing would be left"),
    ],
)
def test_standing_aside(text: str, why: str) -> None:
    assert prompts.apply(text) is None, why


WORDS = st.sampled_from(
    [rule.phrase for rule in RULES if "(" not in rule.phrase]
    + ["Please note that ", "please ", "not", "never", "42", "Alice", '"', "`", "\n", "\n\n", "```\n", "{", "}", "<a>"]
    + ["</a>", ".", ":", "---", " "]
)


@given(st.lists(WORDS, max_size=30).map(" ".join))
def test_what_matters_stays(text: str) -> None:
    made = prompts.apply(text)
    if made is not None:
        assert made.strip() and len(made) < len(text)
        for word in ("not", "never", "42", "Alice", '"', "`", "{", "}", "<a>", "</a>"):
            assert made.split().count(word) == text.split().count(word)
        assert prompts.apply(text) == made


@pytest.mark.parametrize(
    "piece", ["please note that it ", '"', "'a ", "<a>", "</a>", "{", "a|", "\n\n", "--", "in order to ", "`", " ", "("]
)
def test_hostile_texts_take_no_time(piece: str) -> None:
    assert_grows_with_size_alone(lambda size: prompts.apply(piece * (size // len(piece))), 100_000)
