import re

import pytest
from compress_kit import compressor, listing

from tailrace.testing import exchange, run, whole
from tailrace.wire import jsonio
from tailrace_plugins.compress.hidden.nouns import Call
from tailrace_plugins.compress.recall import MOST_CHARS, MOST_ROUNDS, RECALL, answer, id_of

TEXT = "\n".join(f"line {number}" for number in range(1, 21))
NO_ID = 'There is no such id. Use the id that stands in the mark, as in {"id": "k12ab34"}.'


def asked(arguments, text=TEXT):
    given = arguments if isinstance(arguments, str) else jsonio.dumps(arguments).decode()
    return answer(Call("c1", RECALL.name, given), {"k000001": text}.get).text


@pytest.mark.parametrize(
    ("lines", "first", "last"),
    [
        ("12-20", 12, 20),
        ("12", 12, 12),
        (12, 12, 12),
        ("1-1", 1, 1),
        (" 2 - 4 ", 2, 4),
        ("2\u20134", 2, 4),
        ("2 to 4", 2, 4),
        ("2,4", 2, 4),
        ("2:4", 2, 4),
        ("0-3", 1, 3),
        ("15-999", 15, 20),
        # What is not understood asks for all of them.
        ("", 1, 20),
        ("the last ones", 1, 20),
        ("-5", 1, 20),
        ("1-2-3", 1, 20),
        ("1" * 40, 1, 20),
        (None, 1, 20),
        (True, 1, 20),
        (2.5, 1, 20),
        ([2, 4], 1, 20),
    ],
)
def test_lines_are_counted_from_one_and_given_as_they_were(lines, first, last):
    told = "\n".join(f"line {number}" for number in range(first, last + 1))
    assert asked({"id": "k000001", "lines": lines}) == f"[lines {first}-{last} of k000001]\n{told}"


def test_without_lines_all_are_given():
    assert asked({"id": " k000001\n"}).endswith(TEXT)


@pytest.mark.parametrize("lines", ["21-30", "21", "20-12", "0", "0-0"])
def test_lines_that_there_are_not(lines):
    assert asked({"id": "k000001", "lines": lines}) == "k000001 has the lines 1-20."


@pytest.mark.parametrize(
    "arguments",
    [
        "",
        "{",
        "[]",
        "null",
        '"k000001"',
        {},
        {"id": None},
        {"id": 7},
        {"id": ["k000001"]},
        {"id": "k999999"},
        {"id": ""},
    ],
)
def test_an_id_that_is_not_known_is_answered_with_how_to_ask(arguments):
    assert asked(arguments) == NO_ID


def test_a_long_text_is_given_in_pages_that_end_with_a_line():
    lines = [f"{number:05d} " + "x" * 93 for number in range(1, 501)]
    text = "\n".join(lines)
    got, wanted = [], "1-500"
    for _ in range(10):
        told = asked({"id": "k000001", "lines": wanted}, text)
        head, *body = told.split("\n")
        first, last = map(int, re.fullmatch(r"\[lines (\d+)-(\d+) of k000001\]", head).groups())
        assert len(told) < 20_200
        more = re.fullmatch(r'\[lines (\d+-500) of k000001 can be asked for by "lines"\]', body[-1])
        got += body[:-1] if more else body
        assert len(got) == last and first <= last
        if not more:
            break
        wanted = more[1]
    assert got == lines


def test_a_line_that_is_too_long_is_cut_and_that_is_said():
    told = asked({"id": "k000001"}, "x" * 50_000 + "\nshort")
    assert told.startswith("[lines 1-1 of k000001]\nxxx") and told.count("x") == 20_000 == MOST_CHARS
    assert "[... 30000 characters of this line left out]" in told
    assert told.endswith('[lines 2-2 of k000001 can be asked for by "lines"]')


def test_the_size_of_an_answer_may_be_less():
    call = Call("c1", RECALL.name, '{"id":"k000001"}')
    assert answer(call, {"k000001": TEXT}.get, 20).text.startswith("[lines 1-3 of k000001]\nline 1\nline 2\nline 3\n[")
    assert (
        answer(call, {"k000001": TEXT}.get, 0).text
        == "Enough was brought back for one answer. Go on with what you have."
    )


def test_an_id_is_short_and_always_the_same():
    ids = {id_of(bytes([link]), path) for link in range(50) for path in ((), (0,), (1,), (0, 1))}
    assert len(ids) == 200, "by link and place"
    assert all(re.fullmatch(r"k[0-9a-f]{10}", one) for one in ids)
    assert id_of(b"a", (0,)) == id_of(b"a", (0,))


# Through the plugin.

LOG = "\n".join(f"{number:03d}: all is well" for number in range(1, 301))
SETTINGS = {"long_results": True, "retrieval": True, "max_result_chars": 600}
SYSTEM = {"role": "system", "content": "You are careful. " * 600}
USER = {"role": "user", "content": "Run it."}


def function(name):
    return {"type": "function", "function": {"name": name, "parameters": {"type": "object"}}}


def calling(name, arguments, id_):
    call = {"id": id_, "type": "function", "function": {"name": name, "arguments": arguments}}
    return {"role": "assistant", "content": None, "tool_calls": [call]}


def completion(message, finish="stop"):
    choice = {"index": 0, "message": message, "finish_reason": finish}
    usage = {"prompt_tokens": 3_000, "completion_tokens": 5, "total_tokens": 3_005}
    return {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], "usage": usage}


def says(text):
    return whole(completion({"role": "assistant", "content": text}))


def recalls(arguments, id_="r1"):
    return whole(completion(calling(RECALL.name, arguments, id_), "tool_calls"))


async def asking(made, messages, *answers, tool="bash"):
    result = await run(made, exchange({"model": "gpt-4o", "messages": messages, "tools": [function(tool)]}), *answers)
    assert result.error is None
    return result


def names(result, at=-1):
    return [tool["function"]["name"] for tool in result.upstream.got[at].payload["tools"]]


def last_sent(result):
    return result.upstream.got[-1].payload["messages"]


async def begun(tool="bash", call='{"command":"make test"}', log=LOG):
    """A plugin that has seen a first request, and the second one's messages, with a long result."""
    made = compressor(SETTINGS)
    first = await asking(made, [SYSTEM, USER], says("hm"), tool=tool)
    messages = [SYSTEM, USER, calling(tool, call, "c1"), {"role": "tool", "tool_call_id": "c1", "content": log}]
    return made, first, messages


async def test_what_is_left_out_is_brought_back_and_the_client_sees_nothing_of_it():
    made, first, messages = await begun()
    assert names(first) == ["bash", RECALL.name], "from the first request on"

    async def model(upstream, asked):
        cut = asked.payload["messages"][3]["content"]
        mark = re.search(
            r"\[\.\.\. (\d+) lines \(\d+ characters\) left out: lines (\d+)-(\d+) of (k[0-9a-f]{10})\]", cut
        )
        assert mark and int(mark[1]) == int(mark[3]) - int(mark[2]) + 1 and len(cut) < 1_000
        if len(upstream.got) == 1:
            return await recalls(f'{{"id":"{mark[4]}","lines":"100-110"}}')(upstream, asked)
        assert asked.payload["messages"][-1]["content"].split("\n")[1:] == LOG.split("\n")[99:110]
        return await says("Line 105 is well.")(upstream, asked)

    result = await asking(made, messages, model)
    assert len(result.upstream.got) == 2 and result.facts["recalls"] == 1
    assert result.text == "Line 105 is well." and result.answer["choices"][0]["finish_reason"] == "stop"
    assert RECALL.name.encode() not in result.body and b"tool_calls" not in result.body
    assert names(result, 0) == names(result, 1) == ["bash", RECALL.name]
    assert result.upstream.got[1].payload["messages"][:4] == result.upstream.got[0].payload["messages"]
    before = last_sent(result)
    messages = [*messages, result.answer["choices"][0]["message"], {"role": "user", "content": "And 106?"}]
    for turn in range(3):
        later = await asking(made, messages, says("Well, too."))
        assert last_sent(later) == [*before, *messages[-2:]], "it begins with what was last sent"
        assert names(later) == ["bash", RECALL.name]
        before = last_sent(later)
        more = {"role": "user", "content": f"And then? {turn}"}
        messages = [*messages, later.answer["choices"][0]["message"], more]


async def test_what_was_left_out_in_an_earlier_turn_can_be_asked_for_later():
    made, _, messages = await begun()
    cut = last_sent(await asking(made, messages, says("It ran.")))[3]["content"]
    id_ = re.search(r"of (k[0-9a-f]{10})\]", cut)[1]
    messages += [{"role": "assistant", "content": "It ran."}, {"role": "user", "content": "Line 150?"}]
    result = await asking(made, messages, recalls(f'{{"id":"{id_}","lines":150}}'), says("Well."))
    assert last_sent(result)[-1] == {
        "role": "tool", "tool_call_id": "r1", "content": f"[lines 150-150 of {id_}]\n150: all is well",
    }  # fmt: skip


async def test_a_model_that_never_stops_asking_is_stopped():
    made, _, messages = await begun()
    result = await asking(made, messages, recalls('{"id":"k000000"}'))
    assert len(result.upstream.got) == 4 == MOST_ROUNDS + 1 and result.facts["recalls"] == MOST_ROUNDS
    assert result.answer["choices"][0] == {
        "index": 0, "message": {"role": "assistant", "content": ""}, "finish_reason": "stop",
    }  # fmt: skip
    assert last_sent(result)[-1]["content"].startswith(NO_ID)
    assert "No more can be brought back" in last_sent(result)[-1]["content"], "it is told before it is stopped"


async def test_an_empty_id_is_no_id():
    made = compressor(SETTINGS)
    tools = [function("search"), function("bash")]
    messages = [SYSTEM, USER]
    await run(made, exchange({"model": "gpt-4o", "messages": messages, "tools": tools}), says("hm"))
    messages += [calling("search", "{}", "c1"), {"role": "tool", "tool_call_id": "c1", "content": listing()}]
    asked_for = exchange({"model": "gpt-4o", "messages": messages, "tools": tools})
    result = await run(made, asked_for, recalls('{"id":""}'), says("hm"))
    assert result.facts["edited_pieces"] == 1
    assert last_sent(result)[-1]["content"].startswith(NO_ID)


async def test_tools_that_print_no_logs_are_offered_nothing_and_nothing_is_left_out():
    # The answers were 3,000 tokens: adding a tool costs more than a text just above the limit brings.
    made, first, messages = await begun("search", '{"q":"it"}', LOG[:900])
    result = await asking(made, messages, says("hm"), tool="search")
    assert (names(first), names(result)) == (["search"], ["search"])
    assert last_sent(result) == messages and (result.action, result.label) == ("stood-aside", "nothing-to-gain")


async def test_a_text_that_is_long_enough_pays_for_the_tool_which_then_stays():
    made, first, messages = await begun("search", '{"q":"it"}', LOG * 4)
    result = await asking(made, messages, says("hm"), tool="search")
    assert names(first) == ["search"] and names(result) == ["search", RECALL.name]
    assert "left out: lines" in last_sent(result)[3]["content"]
    messages += [{"role": "assistant", "content": "hm"}, {"role": "user", "content": "And?"}]
    later = await asking(made, messages, says("hm"), tool="search")
    assert names(later) == names(result) and last_sent(later)[:4] == last_sent(result)


@pytest.mark.parametrize("text", [listing(700), "x" * 40_000], ids=["json", "one-line"])
async def test_a_long_text_of_which_nothing_can_be_left_out_does_not_pay_for_the_tool(text):
    made, first, messages = await begun("search", '{"q":"it"}', text)
    result = await asking(made, messages, says("hm"), tool="search")
    assert names(first) == ["search"] and "left out: lines" not in last_sent(result)[3]["content"]
    assert names(result) == ["search"]


async def test_without_retrieval_no_tool_is_offered():
    made = compressor({**SETTINGS, "retrieval": False})
    result = await asking(made, [SYSTEM, USER], says("hm"))
    assert names(result) == ["bash"] and result.action == "stood-aside"


async def test_a_client_with_such_a_tool_keeps_its_own():
    made, _, messages = await begun(RECALL.name)
    result = await asking(made, messages, says("hm"), tool=RECALL.name)
    assert names(result) == [RECALL.name] and last_sent(result) == messages
