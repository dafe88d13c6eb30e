import pytest

from tailrace.wire.conversation import ToolCall, Turn, read_conversation

PNG = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}


def turns(shape, payload):
    return read_conversation(shape, payload).turns


def item(kind, **fields):
    return {"type": kind, **fields}


def chat(*messages):
    return turns("chat", {"messages": list(messages)})


def responses(*items):
    return turns("responses", {"input": list(items)})


def messages(*given):
    return turns("messages", {"messages": list(given)})


def role(who, content, **more):
    return {"role": who, "content": content, **more}


def called(id_, name, arguments):
    return {"id": id_, "type": "function", "function": {"name": name, "arguments": arguments}}


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        pytest.param(role("user", "Hi"), Turn("user", "Hi"), id="text"),
        pytest.param(role("system", "Be brief."), Turn("system", "Be brief."), id="system"),
        pytest.param(role("developer", "Be brief."), Turn("system", "Be brief."), id="developer"),
        pytest.param(role("user", ""), Turn("user", ""), id="empty text"),
        pytest.param(role("assistant", None), Turn("assistant", ""), id="no content"),
        pytest.param(
            role("user", [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]),
            Turn("user", "a\nb"),
            id="parts",
        ),
        pytest.param(role("user", ["a", {"text": "b"}]), Turn("user", "a\nb"), id="parts without a type"),
        pytest.param(
            role("user", [{"type": "text", "text": "What is it?"}, PNG, PNG]),
            Turn("user", "What is it?", 2),
            id="images",
        ),
        pytest.param(
            role("user", [item("input_audio", input_audio={}), item("file", file={})]), Turn("user", "", 2), id="media"
        ),
        pytest.param(role("assistant", None, refusal="No."), Turn("assistant", "No."), id="refusal"),
        pytest.param(
            role("assistant", [item("refusal", refusal="No.")]), Turn("assistant", "No."), id="refusal as a part"
        ),
        pytest.param(role("assistant", "Yes.", refusal=None), Turn("assistant", "Yes."), id="no refusal"),
        pytest.param(
            role("assistant", "Yes.", reasoning_content="hm"), Turn("assistant", "Yes."), id="reasoning left out"
        ),
        pytest.param(
            role("assistant", [item("thinking", thinking="hm"), item("text", text="Yes.")]),
            Turn("assistant", "Yes."),
            id="thinking left out",
        ),
        pytest.param(
            role("assistant", None, tool_calls=[called("c1", "add", '{"a": 1}'), called("c2", "now", "")]),
            Turn("assistant", "", calls=(ToolCall("c1", "add", '{"a": 1}'), ToolCall("c2", "now", ""))),
            id="tool calls",
        ),
        pytest.param(
            role("assistant", None, tool_calls=[called("c", "add", {"a": 1})]),
            Turn("assistant", "", calls=(ToolCall("c", "add", '{"a":1}'),)),
            id="arguments that a client parsed",
        ),
        pytest.param(
            role(
                "assistant", None, tool_calls=[{"id": "c", "type": "custom", "custom": {"name": "run", "input": "ls"}}]
            ),
            Turn("assistant", "", calls=(ToolCall("c", "run", "ls"),)),
            id="custom tool",
        ),
        pytest.param(
            role("assistant", None, function_call={"name": "f", "arguments": "{}"}),
            Turn("assistant", "", calls=(ToolCall("", "f", "{}"),)),
            id="legacy call",
        ),
        pytest.param(role("function", "4", name="f"), Turn("tool", "4"), id="legacy result"),
        pytest.param(role("tool", "4", tool_call_id="c1"), Turn("tool", "4", call_id="c1"), id="tool result"),
        pytest.param(
            role("tool", [item("text", text="4")], tool_call_id="c1"), Turn("tool", "4", call_id="c1"), id="in parts"
        ),
    ],
)
def test_a_chat_message(message, expected):
    assert chat(message) == (expected,)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param("Hi", (Turn("user", "Hi"),), id="a text"),
        pytest.param([role("user", "Hi")], (Turn("user", "Hi"),), id="a message without a type"),
        pytest.param(
            [item("message", role="user", content=[item("input_text", text="a"), item("input_image", image_url="x")])],
            (Turn("user", "a", 1),),
            id="parts",
        ),
        pytest.param(
            [item("message", role="assistant", content=[item("output_text", text="a"), item("refusal", refusal="b")])],
            (Turn("assistant", "a\nb"),),
            id="output",
        ),
        pytest.param([item("message", role="developer", content="d")], (Turn("system", "d"),), id="developer"),
        pytest.param(
            [item("function_call", call_id="c", id="fc", name="f", arguments="{}")],
            (Turn("assistant", "", calls=(ToolCall("c", "f", "{}"),)),),
            id="a call",
        ),
        pytest.param(
            [
                item("message", role="assistant", content="Let me see."),
                item("reasoning", summary=[item("summary_text", text="hm")]),
                item("function_call", call_id="c", name="f", arguments="{}"),
                item("custom_tool_call", call_id="d", name="g", input="ls"),
            ],
            (Turn("assistant", "Let me see.", calls=(ToolCall("c", "f", "{}"), ToolCall("d", "g", "ls"))),),
            id="calls belong to the turn before",
        ),
        pytest.param(
            [role("user", "Hi"), item("function_call", call_id="c", name="f", arguments="{}"), role("user", "Ho")],
            (Turn("user", "Hi"), Turn("assistant", "", calls=(ToolCall("c", "f", "{}"),)), Turn("user", "Ho")),
            id="a call after a user turn",
        ),
        pytest.param(
            [item("local_shell_call", id="l", action={"command": ["ls"]})],
            (Turn("assistant", "", calls=(ToolCall("l", "local_shell", '{"command":["ls"]}'),)),),
            id="shell",
        ),
        pytest.param(
            [item("function_call_output", call_id="c", output="4")], (Turn("tool", "4", call_id="c"),), id="an output"
        ),
        pytest.param(
            [
                item(
                    "function_call_output",
                    call_id="c",
                    output=[item("input_text", text="a"), item("input_image", image_url="x")],
                )
            ],
            (Turn("tool", "a", 1, call_id="c"),),
            id="an output of parts",
        ),
        pytest.param(
            [item("computer_call_output", call_id="c", output=item("computer_screenshot", image_url="x"))],
            (Turn("tool", "", 1, call_id="c"),),
            id="a screenshot",
        ),
        pytest.param(
            [item("mcp_call", id="m", name="f", arguments="{}", output=None, error="no such page")],
            (
                Turn("assistant", "", calls=(ToolCall("m", "f", "{}"),)),
                Turn("tool", "no such page", call_id="m", failed=True),
            ),
            id="a failed mcp call",
        ),
        pytest.param(
            [item("mcp_call", id="m", name="f", arguments="{}", output="4", error=None)],
            (Turn("assistant", "", calls=(ToolCall("m", "f", "{}"),)), Turn("tool", "4", call_id="m")),
            id="an mcp call",
        ),
        pytest.param([item("item_reference", id="x"), item("reasoning", id="r")], (), id="not understood"),
    ],
)
def test_responses_input(given, expected):
    assert turns("responses", {"input": given}) == expected


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        pytest.param(role("user", "Hi"), (Turn("user", "Hi"),), id="text"),
        pytest.param(
            role("user", [item("text", text="a"), item("image", source={})]), (Turn("user", "a", 1),), id="image"
        ),
        pytest.param(
            role("user", [item("document", source={"type": "text", "data": "page"}), item("text", text="q")]),
            (Turn("user", "page\nq"),),
            id="a document that is text",
        ),
        pytest.param(
            role("user", [item("document", source={"type": "content", "content": [item("text", text="page")]})]),
            (Turn("user", "page"),),
            id="a document of blocks",
        ),
        pytest.param(
            role("user", [item("document", source={"type": "base64", "data": "AAAA"})]),
            (Turn("user", "", 1),),
            id="pdf",
        ),
        pytest.param(
            role("user", [item("search_result", content=[item("text", text="found")])]),
            (Turn("user", "found"),),
            id="search",
        ),
        pytest.param(
            role("assistant", [item("text", text="a"), item("tool_use", id="t", name="f", input={"x": [1]})]),
            (Turn("assistant", "a", calls=(ToolCall("t", "f", '{"x":[1]}'),)),),
            id="tool use",
        ),
        pytest.param(
            role("user", [item("tool_result", tool_use_id="t", content="4")]),
            (Turn("tool", "4", call_id="t"),),
            id="result",
        ),
        pytest.param(
            role("user", [item("tool_result", tool_use_id="t")]),
            (Turn("tool", "", call_id="t"),),
            id="a result of nothing",
        ),
        pytest.param(
            role(
                "user",
                [
                    item("text", text="and now?"),
                    item("tool_result", tool_use_id="t", content=[item("text", text="a"), item("image", source={})]),
                    item("tool_result", tool_use_id="u", content="bad", is_error=True),
                ],
            ),
            (
                Turn("tool", "a", 1, call_id="t"),
                Turn("tool", "bad", call_id="u", failed=True),
                Turn("user", "and now?"),
            ),
            id="results before the rest",
        ),
        pytest.param(
            role(
                "assistant",
                [
                    item("server_tool_use", id="s", name="web_search", input={}),
                    item("web_search_tool_result", tool_use_id="s", content=[item("web_search_result", url="u")]),
                ],
            ),
            (Turn("assistant", "", calls=(ToolCall("s", "web_search", "{}"),)), Turn("tool", "", call_id="s")),
            id="run by the provider",
        ),
    ],
)
def test_an_anthropic_message(message, expected):
    assert messages(message) == expected


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("Once upon", (Turn("user", "Once upon"),)),
        (["a", "b"], (Turn("user", "a"), Turn("user", "b"))),
        ([1, 2, 3], ()),
        ([[1, 2], [3]], ()),
        (None, ()),
    ],
)
def test_completions_prompts(prompt, expected):
    assert turns("completions", {"prompt": prompt}) == expected


def test_a_completions_suffix_is_part_of_what_is_read():
    assert turns("completions", {"prompt": "def f(", "suffix": "return x"}) == (Turn("user", "def f(\nreturn x"),)


@pytest.mark.parametrize(
    ("shape", "payload"),
    [
        ("responses", {"instructions": "Be brief.", "input": "Hi"}),
        ("messages", {"system": "Be brief.", "messages": [role("user", "Hi")]}),
        ("messages", {"system": [item("text", text="Be brief.")], "messages": [role("user", "Hi")]}),
        ("chat", {"messages": [role("system", "Be brief."), role("user", "Hi")]}),
    ],
)
def test_the_system_prompt_comes_first(shape, payload):
    assert turns(shape, payload) == (Turn("system", "Be brief."), Turn("user", "Hi"))


def test_one_agent_loop_reads_the_same_in_three_shapes():
    in_chat = chat(
        role("user", "Sum?"),
        role("assistant", "I add.", tool_calls=[called("c1", "add", '{"a":1}'), called("c2", "add", '{"a":2}')]),
        role("tool", "1", tool_call_id="c1"),
        role("tool", "2", tool_call_id="c2"),
        role("user", "Go on."),
    )
    assert in_chat == responses(
        role("user", "Sum?"),
        item("reasoning", summary=[]),
        role("assistant", "I add."),
        item("function_call", call_id="c1", name="add", arguments='{"a":1}'),
        item("function_call", call_id="c2", name="add", arguments='{"a":2}'),
        item("function_call_output", call_id="c1", output="1"),
        item("function_call_output", call_id="c2", output="2"),
        role("user", "Go on."),
    )
    assert in_chat == messages(
        role("user", "Sum?"),
        role(
            "assistant",
            [
                item("text", text="I add."),
                item("tool_use", id="c1", name="add", input={"a": 1}),
                item("tool_use", id="c2", name="add", input={"a": 2}),
            ],
        ),
        role(
            "user",
            [
                item("tool_result", tool_use_id="c1", content="1"),
                item("tool_result", tool_use_id="c2", content="2"),
                item("text", text="Go on."),
            ],
        ),
    )
