import pytest

from tailrace.wire.conversation import Conversation, Tool, ToolCall, Turn
from tailrace_plugins.router.features.structure import looks_failed, measure, question_index


def call(number: int, arguments: str = "{}") -> Turn:
    return Turn("assistant", "", calls=(ToolCall(str(number), "run", arguments),))


def result(number: int, text: str = "fine", failed: bool = False) -> Turn:
    return Turn("tool", text, call_id=str(number), failed=failed)


ASKED = Turn("user", "Fix the build")


def measured(*turns: Turn, tools: int = 0) -> dict[str, float]:
    conversation = Conversation(turns, tuple(Tool(f"t{n}", "", 100) for n in range(tools)))
    return measure(conversation, question_index(turns))


def test_the_question_is_the_last_text_of_the_user() -> None:
    assert question_index((ASKED, call(1), result(1))) == 0
    assert question_index((ASKED, Turn("assistant", "done"), Turn("user", "thanks"), Turn("user", "  \n"))) == 2
    assert question_index((Turn("system", "x"),)) == -1 == question_index(())


def test_depth_of_the_tool_loop_since_the_question() -> None:
    found = measured(
        ASKED, call(1), result(1), Turn("user", "now the tests"), call(2), result(2), call(3), result(3), tools=4
    )
    assert found["loop_depth"] == 2
    assert found["tool_results"] == 3
    assert found["tools"] == 4 and found["tool_chars"] == 400
    assert found["user_turns"] == 2 and found["turns"] == 8


@pytest.mark.parametrize(
    ("results", "count"),
    [
        ([], 0),
        (["fine"], 0),
        (["Error: no such file", "fine"], 0),
        (["fine", "Traceback (most recent call last):", "command FAILED"], 2),
    ],
)
def test_errors_in_a_row(results: list[str], count: int) -> None:
    turns = [turn for number, text in enumerate(results) for turn in (call(number), result(number, text))]
    assert measured(ASKED, *turns)["errors_in_row"] == count


def test_an_error_is_marked_or_told_at_either_end() -> None:
    assert looks_failed(result(1, "ok", failed=True))
    assert looks_failed(result(1, "x" * 100_000 + "\nexit code 1"))
    assert not looks_failed(result(1, "x" * 1_000 + " error " + "x" * 1_000))


def test_identical_calls_are_counted() -> None:
    same = [turn for number in range(4) for turn in (call(number, '{"a":1}'), result(number))]
    other = [turn for number in range(4) for turn in (call(number, f'{{"a":{number}}}'), result(number))]
    assert measured(ASKED, *same)["repeated_calls"] == 3
    assert measured(ASKED, *other)["repeated_calls"] == 0


@pytest.mark.parametrize(
    ("conversation", "name", "value"),
    [
        (Conversation((ASKED,), output="json_schema"), "output", 2.0),
        (Conversation((ASKED,), forced_tool=True), "forced_tool", 1.0),
        (Conversation((ASKED,), max_tokens=16), "short_answer", 1.0),
        (Conversation((ASKED,), max_tokens=4096), "short_answer", 0.0),
        (Conversation((ASKED,), effort="high"), "effort", 1.0),
        (Conversation((ASKED,), effort="unheard-of"), "effort", 0.0),
        (Conversation((Turn("user", "what is this?", images=2),)), "images", 2.0),
        (Conversation((Turn("system", "abc"), ASKED)), "system_chars", 3.0),
    ],
)
def test_what_the_request_says_of_itself(conversation: Conversation, name: str, value: float) -> None:
    assert measure(conversation, question_index(conversation.turns))[name] == value
