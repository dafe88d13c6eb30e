import json
import re
import time
from dataclasses import replace
from typing import Any

import pytest
from growth_kit import assert_grows_with_size_alone
from hypothesis import given
from hypothesis import strategies as st

from tailrace_plugins.compress.passes import LOSSY, PASSES, Earlier, Piece, Result, Switches, compress, decodes_equal

ROWS = [{"id": number, "name": f"user {number}"} for number in range(5)]
LOG = "\x1b[32mstart\x1b[0m\n" + "waiting for it\n" * 5 + "end"
LISTING = "".join(f"{number:6}\tline\n" for number in range(1, 30))
HITS = "src/a.py:1:import os\nsrc/a.py:20:    os.environ\n"
LOSSLESS = Switches(grouped=True, listing=True, headings=True)
EVERYTHING = replace(LOSSLESS, test_noise=True, long_results=True, max_result_chars=200)


def made(text: str, switches: Switches = LOSSLESS, **piece: Any) -> Result | None:
    return compress(Piece(**{"role": "tool", "text": text, "tool": "search_flights", **piece}), switches, len)


@pytest.mark.parametrize(
    ("text", "passes"),
    [
        (json.dumps(ROWS), ("tabular",)),
        ("\n".join(map(json.dumps, ROWS)), ("tabular",)),
        (json.dumps([ROWS[:2], ROWS[2:4]]), ("tabular", "grouped")),
        (json.dumps([[[1], 2], {"a": [{}]}]), ("minify",)),
        (LOG, ("terminal",)),
        ("\x1b[1mend   \n\n\n\n\n\nof it\x1b[0m", ("terminal", "whitespace")),
        ("words   \n\n\n\n\n\nmore words", ("whitespace",)),
        (LISTING, ("listing",)),
        (HITS, ("headings",)),
        ("\x1b[1m" + HITS, ("terminal", "headings")),
        ('\x1b[1m{"a"\x1b[0m: [[\x1b[32m1\x1b[0m], 2]}', ("terminal", "minify")),
        ('\x1b[1m[\x1b[0m{"aa": 1, "bb": 2}, {"aa": 1, "bb": 2}]', ("terminal", "tabular")),
    ],
)
def test_passes(text: str, passes: tuple[str, ...]) -> None:
    result = made(text)
    assert result is not None
    assert result.passes == passes
    assert result.lossless
    assert len(result.text) < len(text)
    assert decodes_equal(text, result)


@pytest.mark.parametrize(
    ("text", "switched_off", "passes"),
    [
        (json.dumps([ROWS[:2], ROWS[2:4]]), {"grouped": False}, ("minify",)),
        (json.dumps(ROWS), {"tabular": False}, ("minify",)),
        (json.dumps(ROWS), {"max_tabular_chars": 10}, ("minify",)),
        (json.dumps(ROWS), {"tabular": False, "minify": False}, None),
        (LOG, {"terminal": False}, None),
        (LISTING, {"listing": False}, None),
        (HITS, {"headings": False}, None),
        ("words   \nmore words", {"whitespace": False}, None),
    ],
)
def test_switches(text: str, switched_off: dict[str, Any], passes: tuple[str, ...] | None) -> None:
    result = made(text, replace(LOSSLESS, **switched_off))
    assert (result.passes if result else None) == passes


@pytest.mark.parametrize("role", ["assistant", "system"])
def test_what_others_wrote_stays(role: str) -> None:
    assert made(json.dumps(ROWS), role=role) is None


def test_a_user_keeps_blanks_and_json() -> None:
    assert made("words   \nmore words", role="user") is None
    assert made("say it again\n" * 20, role="user") is None
    assert made("say it again\n" * 20) is not None
    assert made(LOG, role="user") is not None
    result = made(json.dumps(ROWS), role="user")
    assert result is not None
    assert result.passes == ("minify",)


@pytest.mark.parametrize("text", [json.dumps(ROWS), LOG, "words   \nmore words"])
def test_a_file_that_was_read_stays(text: str) -> None:
    assert made(text, tool="read_file") is None
    assert made(text, tool="") is None, "a call that is not known may have read one"
    printed = made(text, tool="bash", arguments='{"command": "curl x"}')
    assert (printed is not None) is (text == LOG), "of what a command printed only controls go"


def test_a_long_file_is_never_cut() -> None:
    text = "\n".join(f"line {number}" for number in range(200))
    assert made(text, EVERYTHING, tool="read_file") is None
    result = made(text, EVERYTHING, tool="bash")
    assert result is not None
    assert result.passes == ("long_results",)


@pytest.mark.parametrize("text", ["\x1b[0m" * 40, " " * 200, "\n" * 200])
def test_no_text_becomes_empty(text: str) -> None:
    """Providers refuse empty blocks."""
    assert made(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "short",
        "plain words of no interest at all",
        "see data:image/png;base64,iVBORw0KGgo=   \n\n\n\n\n\n and more",
        json.dumps([{"image": "data:image/png;base64,iVBORw0KGgo="}] * 3),
        "half a pair \ud83d   \n\n\n\n\n\n",
        "{'python': True,   'repr': None}",
    ],
)
def test_standing_aside(text: str) -> None:
    assert made(text, EVERYTHING) is None


def test_never_more_tokens() -> None:
    text = json.dumps(ROWS)
    for kind in (text, LOG, LISTING, HITS):
        assert compress(Piece("tool", kind, "search"), LOSSLESS, lambda _: 7) is None
    assert compress(Piece("tool", text, "search"), LOSSLESS, lambda text: 1_000 - len(text)) is None


def test_lossy_passes_only_if_asked_for_and_never_on_a_failure() -> None:
    text = "\n".join(
        [*[f"a.py::b{number} PASSED" for number in range(20)], *[f"line {number}" for number in range(200)]]
    )
    assert made(text) is None
    result = made(text, EVERYTHING)
    assert result is not None
    assert result.passes == ("test_noise", "long_results")
    assert not result.lossless
    assert not decodes_equal(text, result)
    assert made(text, EVERYTHING, failed=True) is None
    assert made(text, EVERYTHING, role="user") is None


def test_names() -> None:
    assert set(PASSES) >= LOSSY


@given(st.text() | st.text(st.sampled_from('{}[]":,\\ 01eE.-+\n\r\t\x1bmKa')), st.booleans())
def test_any_text_is_smaller_and_equal_or_left_alone(text: str, everything: bool) -> None:
    switches = EVERYTHING if everything else LOSSLESS
    result = made(text, switches)
    assert result == made(text, switches)
    if result is not None:
        assert len(result.text) < len(text)
        assert decodes_equal(text, result) == result.lossless


UNITS = {
    "json": '{"id": 1234, "text": "words of it"}, ',
    "json lines": '{"id": 1234, "text": "words of it"}\n',
    "colours": "\x1b[32mline of a log\x1b[0m\n",
    "log": "plain line of a log, and more\n",
    "hits": "src/a.py:12:import os\n",
    "listing": "    12\tcode\n",
    "brackets": "[",
    "objects": '{"a":',
    "quotes": '"',
    "backslashes": "\\",
    "empty lines": "\n",
}


@pytest.mark.parametrize("before", ["", "[{"])
@pytest.mark.parametrize("unit", UNITS.values(), ids=UNITS.keys())
def test_time_grows_with_the_size_alone(unit: str, before: str) -> None:
    def took(characters: int) -> float:
        text = before + unit * (characters // len(unit)) + "}]"
        started = time.process_time()
        made(text, EVERYTHING)
        return time.process_time() - started

    took(10_000)
    small = max(min(took(50_000) for _ in range(3)), 0.005)
    # Quadratic time would take 100 times as long.
    assert took(500_000) < 40 * small


def test_deep_values() -> None:
    for deep in ("[" * 128 + "  " + "]" * 128, '{"a":' * 127 + "[  1]" + "}" * 127):
        for text in (deep, f"{deep}\n{deep}"):
            result = made(text)
            assert result is not None
            assert decodes_equal(text, result)


def test_a_long_table_stays_json() -> None:
    text = json.dumps([{"id": number, "text": "words of it"} for number in range(8_000)])
    result = made(text)
    assert result is not None
    assert result.passes == ("minify",)


def test_what_can_be_asked_for_refers_to_nothing_above():
    first = "\n".join(f"line {at}: the value that stands here is {at * 7}" for at in range(60))
    text = f"{first}\n" + "\n".join(f"row {at}: something else that is long enough" for at in range(200))
    piece = Piece("tool", text, tool="bash", arguments='{"command": "cat log"}', id="k1")
    made = compress(piece, replace(EVERYTHING, max_result_chars=2_000), len, [Earlier("result 1 (bash)", first)])
    assert made is not None and made.passes == ("repeats", "long_results")
    assert made.whole == text
    lines = text.split("\n")
    shown = made.text.split("\n")
    for at, line in enumerate(shown):
        if found := re.search(r"left out: lines (\d+)-(\d+) of k1\]", line):
            # The neighbours of a mark are the neighbours of what it stands for.
            assert shown[at + 1] == lines[int(found[2])]
            assert shown[at - 1] in (lines[int(found[1]) - 2], shown[at - 1] if "same as" in shown[at - 1] else "")


def test_blanks_without_end_cost_nothing():
    from tailrace_plugins.compress.definitions import shortened

    def work(size: int) -> None:
        said = "a" + " \n" * size + "b"
        shortened("chat", [{"type": "function", "function": {"name": "t", "description": said}}], 200)

    assert_grows_with_size_alone(work, 3_500)
