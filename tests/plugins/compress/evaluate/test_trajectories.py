import pytest

from tailrace.wire import jsonio
from tailrace_plugins.compress.evaluate.trajectories import (
    BadTrajectories,
    read_system,
    read_tools,
    read_trajectories,
)

ASKED = {"role": "user", "content": "hello"}
ANSWER = {"role": "assistant", "content": "hi"}
SYSTEM = {"role": "system", "content": "be kind"}
TOOL = {"type": "function", "function": {"name": "look"}}


@pytest.fixture
def file(tmp_path):
    def made(*rows, name="runs.jsonl"):
        path = tmp_path / name
        path.write_bytes(b"".join((row if isinstance(row, bytes) else jsonio.dumps(row)) + b"\n" for row in rows))
        return path

    return made


def test_every_answer_is_a_request_for_all_before_it(file):
    row = {"id": "one", "messages": [ASKED, ANSWER, ASKED, ANSWER, ANSWER]}
    (found,) = read_trajectories(file(row), SYSTEM, [TOOL])
    assert found.id == "one"
    assert found.messages == (SYSTEM, ASKED, ANSWER, ASKED, ANSWER, ANSWER)
    assert found.tools == (TOOL,)
    assert list(found.answers()) == [2, 4, 5]


def test_nothing_is_asked_before_a_first_answer(file):
    (found,) = read_trajectories(file({"messages": [ANSWER, ASKED, ANSWER]}))
    assert list(found.answers()) == [2]


def test_a_rows_own_system_prompt_and_tools_win(file):
    own = {"role": "developer", "content": "be brief"}
    (found,) = read_trajectories(file({"messages": [own, ASKED, ANSWER], "tools": []}), SYSTEM, [TOOL])
    assert found.messages == (own, ASKED, ANSWER)
    assert found.tools == ()


def test_blank_lines_further_fields_and_conversations_without_answers_are_passed_over(file):
    rows = [b"", {"messages": [ASKED]}, {"messages": [ASKED, ANSWER], "reward": 1}, b"  "]
    (found,) = read_trajectories(file(*rows))
    assert found.id == "line 3"


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (b"{", "2: no JSON object"),
        (b"[]", "2: no JSON object (the top level must be an object)"),
        ({}, "2: 'messages' must be a list of chat messages"),
        ({"messages": []}, "2: 'messages' must be a list of chat messages"),
        ({"messages": [ASKED, "hi"]}, "2: messages[1] must be an object"),
        ({"messages": [{"role": "robot"}]}, "2: messages[0].role must be one of system, "),
        ({"messages": [{"role": "user", "content": 1}]}, "2: messages[0].content must be a text, a list of parts or null"),
        ({"messages": [{"role": "user", "content": ["a"]}]}, "2: messages[0].content must be"),
        ({"messages": [{**ANSWER, "tool_calls": {}}]}, "2: messages[0].tool_calls must be a list of objects"),
        ({"messages": [{**ANSWER, "tool_calls": [{"function": 1}]}]}, "2: messages[0].tool_calls[0].function must be an object"),
        ({"messages": [ASKED, ANSWER], "tools": {}}, "2: tools must be a list of objects"),
    ],
)  # fmt: skip
def test_mistakes_name_the_line(file, row, said):
    path = file({"messages": [ASKED, ANSWER]}, row)
    with pytest.raises(BadTrajectories) as caught:
        read_trajectories(path)
    assert str(caught.value).startswith(f"{path}:{said}")


def test_a_file_without_answers_is_a_mistake(file):
    with pytest.raises(BadTrajectories, match="no conversation with an assistant's answer"):
        read_trajectories(file({"messages": [ASKED]}))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (jsonio.dumps(SYSTEM), SYSTEM),
        (b'"be kind"', SYSTEM),
        (b"be kind", SYSTEM),
        (b"\xef\xbb\xbfbe kind", SYSTEM),
        (jsonio.dumps({"role": "developer", "content": []}), {"role": "developer", "content": []}),
    ],
)
def test_the_system_prompt_in_its_three_forms(file, data, message):
    path = file(name="system")
    path.write_bytes(data)
    assert read_system(path) == message


@pytest.mark.parametrize("data", [b"", b'{"role": "user", "content": "x"}', b"[1]", b'{"role": "system"}', b"\xff\xfe"])
def test_what_is_no_system_prompt(file, data):
    path = file(name="system")
    path.write_bytes(data)
    with pytest.raises(BadTrajectories, match="neither"):
        read_system(path)


@pytest.mark.parametrize("data", [b"{}", b"[1]", b"[", b'"x"'])
def test_what_is_no_list_of_tools(file, data):
    path = file(name="tools.json")
    path.write_bytes(data)
    with pytest.raises(BadTrajectories) as caught:
        read_tools(path)
    assert str(caught.value).startswith(str(path))


def test_the_tools(file):
    path = file(name="tools.json")
    path.write_bytes(jsonio.dumps([TOOL]))
    assert read_tools(path) == (TOOL,)
