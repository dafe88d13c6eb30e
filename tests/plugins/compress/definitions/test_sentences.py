import pytest
from growth_kit import assert_grows_with_size_alone
from hypothesis import given
from hypothesis import strategies as st

from tailrace_plugins.compress.definitions.sentences import cut, sentences, split


@pytest.mark.parametrize(
    ("line", "made"),
    [
        ("One. Two! Three?", ["One.", "Two!", "Three?"]),
        ("Codes, e.g. SFO or JFK. Then more.", ["Codes, e.g. SFO or JFK.", "Then more."]),
        ("Run it etc. and stop. End", ["Run it etc. and stop.", "End"]),
        ("See `a. B` here. Two.", ["See `a. B` here.", "Two."]),
        ("Say 'A. B' now. Two.", ["Say 'A. B' now.", "Two."]),
        ("Say (One. Two.) now. Two.", ["Say (One. Two.) now.", "Two."]),
        ("The user's file. It's there.", ["The user's file.", "It's there."]),
        ("Version 1.5 of a.py. Two.", ["Version 1.5 of a.py.", "Two."]),
        ("1. Step one. Two.", ["1. Step one.", "Two."]),
        ("\u4e00\u3002\u4e8c\u3002", ["\u4e00\u3002", "\u4e8c\u3002"]),
        ("", []),
    ],
)
def test_split(line: str, made: list[str]) -> None:
    assert split(line) == made


@pytest.mark.parametrize(
    ("text", "most", "made"),
    [
        ("one two three", 13, "one two three"),
        ("one two three", 9, "one two"),
        ("one two, three four", 12, "one two"),
        ("one 'two three' four", 12, "one"),
        ("one (two three) four", 12, "one"),
        ("'one two three'", 6, "'one two three'"),
        ("onetwothree", 4, "onetwothree"),
        ("  one", 2, "  one"),
    ],
)
def test_cut(text: str, most: int, made: str) -> None:
    assert cut(text, most) == made


def needs(text: str) -> dict[str, list[str]]:
    found = sentences(text)
    return {one.text.strip(): [found[index].text.strip() for index in one.needs] for one in found}


def test_what_stands_under_what() -> None:
    assert needs(
        "Reads it. However, never twice.\n\nNever for:\n- one\n- two. More of it.\n  - deep\n- three\nOther text.\n"
        "## When NOT to use\nParagraph.\n1. Ask:\n   - whom\nArgs:\n    a: first\n    b: second"
    ) == {
        "Reads it.": [],
        "However, never twice.": ["Reads it."],
        "Never for:": [],
        "- one": ["Never for:"],
        "- two.": ["Never for:"],
        "More of it.": ["- two."],
        "- deep": ["- two."],
        "- three": ["Never for:"],
        "Other text.": [],
        "## When NOT to use": [],
        "Paragraph.": ["## When NOT to use"],
        "1. Ask:": ["## When NOT to use"],
        "- whom": ["1. Ask:"],
        "Args:": ["## When NOT to use"],
        "a: first": ["Args:"],
        "b: second": ["Args:"],
    }


def test_a_heading_leads_the_paragraph_after_it() -> None:
    assert needs("Do NOT use it when:\n\nthe file is large.\nAnother one.") == {
        "Do NOT use it when:": [],
        "the file is large.": ["Do NOT use it when:"],
        "Another one.": [],
    }


def test_wrapped_lines_and_code() -> None:
    found = sentences("Reads the file\nthat is named. Two.\n```\na. B\n```\nEnd.")
    assert [(one.text, one.code) for one in found] == [
        ("Reads the file that is named.", False),
        ("Two.", False),
        ("```\na. B\n```", True),
        ("End.", False),
    ]
    assert found[2].needs == (1,)


@pytest.mark.parametrize(
    ("text", "demands", "lists"),
    [
        ("It must be there.", True, True),
        ("Never twice.", True, False),
        ("No path is allowed.", True, False),
        ("Dates as YYYY-MM-DD.", False, True),
        ("One of: a, b.", False, True),
        ("In seconds.", False, True),
        ("Gets it.", False, False),
    ],
)
def test_what_a_sentence_says(text: str, demands: bool, lists: bool) -> None:
    (found,) = sentences(text)
    assert (found.demands, found.lists) == (demands, lists)


PIECES = st.sampled_from(["A", "b. ", "C. ", "\n", "- ", "'", '"', "`", "(", ")", "```\n", ":\n", "# ", "  ", "word "])


@given(st.lists(PIECES, max_size=40).map("".join), st.integers(1, 40))
def test_no_word_is_lost_or_cut(text: str, most: int) -> None:
    found = sentences(text)
    assert "".join(one.text for one in found).split() == "".join("".join(one.text for one in found)).split()
    assert "".join("".join(one.text for one in found).split()) == "".join(text.split())
    for at, one in enumerate(found):
        assert all(index < at for index in one.needs)
        made = cut(one.text, most)
        assert one.text.startswith(made) and made.strip()
        assert len(made) == len(one.text) or not one.text[len(made)].isalnum()


@pytest.mark.parametrize("piece", ["a\n", "- a\n", "(", "'a ", "It. ", "#", "a:\n", "`", " ", ". ", "\n"])
def test_hostile_texts_take_no_time(piece: str) -> None:
    def work(size: int) -> None:
        text = piece * (size // len(piece))
        cut(text, 2 * size // 3)
        sentences(text)

    assert_grows_with_size_alone(work, 7_500)
