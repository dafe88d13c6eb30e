import time

import pytest

from tailrace.wire.conversation import Conversation, Tool, ToolCall, Turn
from tailrace_plugins.router.features import Features, extract

HOSTILE = {
    "empty": "",
    "blank": " \n\t ",
    "lone surrogate": "\ud800 what \udfff",
    "one word of 1 MB": "a" * 1_000_000,
    "1 MB of words": "prove it " * 120_000,
    "1 MB of line ends": "\n" * 1_000_000,
    "1 MB of fences": "```" * 330_000,
    "1 MB of slashes": "1/" * 500_000,
    "1 MB of dots": "." * 1_000_000,
    "1 MB of underscores": "_" * 1_000_000,
    "zero bytes": "\x00" * 1_000,
    "every script": "a б 中 あ 한 ع अ" * 1_000,
    "capital dotted i": "İ" * 4_000,
}


def asked(text: str) -> Features:
    return extract(Conversation((Turn("user", text),)))


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_texts_are_read_in_bounded_time(text: str) -> None:
    began = time.perf_counter()
    features = asked(text)
    assert time.perf_counter() - began < 2
    assert all(value >= 0 and value == value for name, value in features.items() if name != "effort")


def test_an_empty_conversation_has_all_features_and_no_question() -> None:
    features = extract(Conversation(()))
    assert features.question == ""
    assert list(features) == list(asked("What is it?"))


def test_the_question_is_kept_in_full_and_the_sample_is_cut() -> None:
    text = "Explain this. " * 10_000
    features = asked(text)
    assert features.question == text
    assert len(features.sample) < 3_000
    assert features["question_chars"] == len(text)


def test_the_language_is_told_and_dense_scripts_weigh_more() -> None:
    assert asked("Wie heißt die Hauptstadt von Frankreich?").language == "de"
    chinese = asked("请解释一下进程和线程的区别是什么？")
    assert chinese.language == "zh"
    assert chinese["question_chars"] == 3 * len(chinese.question)


def test_calls_needed_are_guessed_from_what_is_asked_for() -> None:
    tools = (Tool("read_file", "", 100), Tool("edit_file", "", 100))

    def needed(text: str, given: tuple[Tool, ...] = tools) -> float:
        return extract(Conversation((Turn("user", text),), given))["calls_needed"]

    assert needed("rename it", ()) == 0
    assert needed("rename it") == 1
    assert needed("rename it in a.py, b.py and c.py, then fix the failing tests") > 3
    assert needed("1. a\n" * 100) <= 20


def test_reading_a_request_changes_nothing_and_is_repeatable() -> None:
    turns = (
        Turn("user", "Fix it"),
        Turn("assistant", "", calls=(ToolCall("1", "run", "{}"),)),
        Turn("tool", "Error", call_id="1"),
    )
    conversation = Conversation(turns)
    assert dict(extract(conversation)) == dict(extract(conversation))
