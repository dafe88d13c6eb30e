import re
from typing import Any

import pytest
from growth_kit import assert_grows_with_size_alone
from hypothesis import given
from hypothesis import strategies as st

from tailrace.wire import jsonio
from tailrace_plugins.compress.definitions import shortened
from tailrace_plugins.compress.definitions.shorten import common_sentences, summary, tidy

FILLER = "It returns the details of it after that has been done for the user."


def tool(description: str, schema: dict[str, Any] | None = None, name: str = "t") -> dict[str, Any]:
    return {"name": name, "description": description, "input_schema": schema or {"type": "object"}}


def made(text: str, most: int) -> str:
    (one,) = shortened("messages", [tool(text)], most)
    said = one["description"]
    assert isinstance(said, str)
    return said


def parameter(text: str, most: int) -> str:
    schema = {"type": "object", "properties": {"p": {"type": "string", "description": text}}}
    (one,) = shortened("messages", [tool("t", schema)], 2 * most)
    said = one["input_schema"]["properties"]["p"]["description"]
    assert isinstance(said, str)
    return said


@pytest.mark.parametrize(
    ("text", "most", "kept"),
    [
        ("Cancels an order.", 10, "Cancels..."),
        ("Cancels an order. " + FILLER, 40, "Cancels an order."),
        (f"Cancels an order. {FILLER} It must be pending.", 40, "Cancels an order."),
        (f"Cancels an order. {FILLER} An order must be pending.", 60, "Cancels an order. An order must be pending."),
        (f"Cancels it. {FILLER} Default is 5. Never twice.", 25, "Cancels it. Never twice."),
        (f"Cancels it. Second one. {FILLER} Third.", 30, "Cancels it. Second one."),
        (f"Reads it.\n\nNever for:\n- images\n\n{FILLER}", 40, "Reads it.\nNever for:\n- images"),
        # No point of a list without what it is a list of.
        (f"Reads it.\n\nNever for:\n- images\n\n{FILLER}", 20, "Reads it."),
        (f"Reads it. {FILLER}\n\nNever for:\n- images\n- tables", 40, "Reads it.\nNever for:\n- images\n- tables"),
        (
            f"Reads it.\n\nNever for:\n- images that must go\n\n{FILLER}",
            60,
            "Reads it.\nNever for:\n- images that must go",
        ),
        (f"Reads it.\n<example>\nread a\n</example>\n{FILLER}", 80, f"Reads it.\n{FILLER}"),
        (f"Reads it. <example>read a</example>{FILLER}", 80, f"Reads it.  {FILLER}"),
        (f"Reads it.\n\nExamples:\nread a\nread b\n\n{FILLER}", 80, f"Reads it.\n\n{FILLER}"),
        (f"Reads it.\n```\ncode\n```\n{FILLER}", 12, "Reads it."),
        ("Find 'a very long quoted literal that is long' now.", 20, "Find..."),
        ("'a very long quoted literal that is long'", 20, "'a very long quoted literal that is long'"),
        ("\u4e00\u3002\u4e8c\u3002\u4e09\u56db\u4e94\u3002", 5, "\u4e00\u3002\u4e8c\u3002"),
        ("Averyveryverylongword", 5, "Averyveryverylongword"),
    ],
)
def test_tools(text: str, most: int, kept: str) -> None:
    assert made(text, most) == kept


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (f"The date. {FILLER} In the format YYYY-MM-DD.", "The date. In the format YYYY-MM-DD."),
        # Longer than the bound, and still whole.
        (f"The city. {FILLER} [Enum]: Rome, Oslo, Bern, Riga", "The city. [Enum]: Rome, Oslo, Bern, Riga"),
        (f"The limit. {FILLER} Never above it.", "The limit. Never above it."),
        (f"The limit. {FILLER}", "The limit."),
    ],
)
def test_parameters(text: str, kept: str) -> None:
    assert parameter(text, 30) == kept


def test_bounds_of_their_own() -> None:
    text = f"One. {FILLER} {FILLER}"
    schema = {"type": "object", "description": text, "properties": {"description": {"description": text}}}
    (one,) = shortened("messages", [tool(text, schema)], 1_000, 10)
    assert one == tool(text, {**schema, "properties": {"description": {"description": "One."}}})


def test_values_are_no_descriptions() -> None:
    long = {"description": f"One. {FILLER}"}
    schema = {
        "type": "object",
        "properties": {"a": {"enum": [long], "const": long, "default": long, "examples": [long]}},
    }
    given = tool("t", schema)
    assert shortened("messages", [given], 10)[0] is given


def test_what_tells_tools_apart_is_kept() -> None:
    shared = "This tool belongs to the file system, which is a simple one and has files in it."
    tools = [tool(f"{shared} Tool description: {verb} a file.", name=verb) for verb in ("Reads", "Moves", "Copies")]
    assert [one["description"] for one in shortened("messages", tools, 60)] == [
        "Reads a file.",
        "Moves a file.",
        "Copies a file.",
    ]
    # Two may have it in common by chance.
    assert shortened("messages", tools[:2], 90)[0]["description"] == shared


def test_what_all_demand_is_kept() -> None:
    shared = "Ask the user first, you must."
    tools = [tool(f"{verb} it. {FILLER} {shared}", name=verb) for verb in ("Reads", "Moves", "Copies")]
    assert [one["description"] for one in shortened("messages", tools, 60)][0] == f"Reads it. {shared}"


@pytest.mark.parametrize(
    ("text", "tidied"),
    [
        ("**IMPORTANT**: read  it   now", "IMPORTANT: read it now"),
        ("a\n\n\n\n---\nb  \nc", "a\n\nb\nc"),
        ("Globs like **/*.js or src/**/*.ts", "Globs like **/*.js or src/**/*.ts"),
        ('Globs like "**/a" and "b/**" too', 'Globs like "**/a" and "b/**" too'),
        ("2**3 and 4**5, f(**kw, **other)", "2**3 and 4**5, f(**kw, **other)"),
        ("`a  b` and 'c  d' and \"e  **f**\"", "`a  b` and 'c  d' and \"e  **f**\""),
        ("x\n```\na  b   \n\n\n\n---\n```\ny", "x\n```\na  b   \n\n\n\n---\n```\ny"),
        ("First.\n    Second.\n      - deep", "First.\nSecond.\n  - deep"),
        ("  ", ""),
    ],
)
def test_tidy(text: str, tidied: str) -> None:
    assert tidy(text) == tidied


@pytest.mark.parametrize(
    ("description", "said"),
    [
        ("Reads a file. More.", "Reads a file."),
        ("Shared. Tool description: Reads it.", "Reads it."),
        ("Usage:\n- Reads it.", "- Reads it."),
        ("Reads\n  a file.", "Reads a file."),
        ("Reads a file, and whatever else is there.", "Reads a file..."),
        ("", ""),
    ],
)
def test_summary(description: str, said: str) -> None:
    assert summary(description, 20, {"Shared."}) == said


def test_common_sentences() -> None:
    assert common_sentences(["A b. C.", "A b. D.", "A b. C. A b."]) == {"A b."}


def test_nothing_else_changes() -> None:
    provider = {"type": "web_search_20250305", "name": "web_search", "description": f"One. {FILLER}"}
    short, broken = tool("One."), {"name": "x", "description": 5, "input_schema": {"description": None}}
    tools = [provider, short, broken, None, "x"]
    assert all(one is other for one, other in zip(shortened("messages", tools, 10), tools, strict=True))
    marked = {**tool(f"One. {FILLER}"), "cache_control": {"type": "ephemeral"}, "x": 1}
    assert jsonio.dumps(shortened("messages", [marked], 10)[0]) == jsonio.dumps({**marked, "description": "One."})
    assert marked["description"] == f"One. {FILLER}"
    chat = {"type": "function", "function": {"name": "a", "description": f"One. {FILLER}", "strict": True}}
    assert shortened("chat", [chat], 10)[0]["function"] == {"name": "a", "description": "One.", "strict": True}


PIECES = st.sampled_from(
    ["Get it. ", "It must. ", "one of 'a b'. ", "\n", "\n\n", "- ", "Never for:\n", "```\n", "**b** ", "`c d` ", "word ", " ",
     "Example:\n", "<example>", "</example>", "# H\n", "'", '"', "\u4e00\u3002"]
)  # fmt: skip


@given(st.lists(PIECES, max_size=40).map("".join), st.integers(1, 120))
def test_whatever_it_is_given(text: str, most: int) -> None:
    said = made(text, most)
    assert len(said) <= len(text) and bool(said.strip()) == bool(text.strip())
    assert made(text, most) == said
    words = set(re.findall(r"\w+", text))
    assert words.issuperset(re.findall(r"\w+", said)), "cut inside a word"


@pytest.mark.parametrize("piece", ["<example>", "a\n", "It must. ", "- a\n", "'", "**a", "`", " ", "= ", "```\n"])
def test_hostile_texts_take_no_time(piece: str) -> None:
    assert_grows_with_size_alone(
        lambda size: shortened("messages", [tool(piece * (size // len(piece)))], 2 * size // 3), 7_499
    )
    long = tool("One. " * 10_000)
    assert shortened("messages", [long], 10)[0] is long
