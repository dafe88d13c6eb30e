import pytest
from compress_kit import SHAPES, Loop

from tailrace_plugins.compress.chain import LINK_BYTES, links, opening, rough_size


@pytest.mark.parametrize("shape", SHAPES)
def test_a_longer_conversation_begins_with_the_links_of_the_shorter(shape):
    loop = Loop(shape).step("a")
    short = links(shape, loop.messages)
    long = links(shape, loop.step("b").messages)
    assert long.of[: len(short.of)] == short.of and len(long.of) > len(short.of)
    assert (long.first, long.seed) == (short.first, short.seed)
    assert len(set(long.of)) == len(long.of) and {len(link) for link in long.of} == {LINK_BYTES}
    assert long.before(long.first) == long.seed and long.before(long.first + 1) == long.of[0]


def test_a_change_changes_all_links_from_there_on():
    loop = Loop("chat").step("a").step("b")
    before = links("chat", loop.messages)
    loop.messages[2] = {**loop.messages[2], "extra": 1}
    after = links("chat", loop.messages)
    same = [a == b for a, b in zip(before.of, after.of, strict=True)]
    assert same == [True, False, False, False, False]
    assert links("messages", loop.messages).of != after.of, "shapes never share"


def test_messages_do_not_run_into_each_other():
    assert (
        links("chat", [{"role": "user", "content": "ab"}, "c"]).of[-1] != links("chat", ['{"role":"user"}', "c"]).of[-1]
    )
    assert links("chat", [1, 2]).of[-1] != links("chat", [12]).of[-1]


def test_leading_system_messages_are_no_part_of_it():
    loop = Loop("chat").step("a")
    other = [{"role": "system", "content": "It is Friday."}, *loop.messages[1:]]
    assert links("chat", other) == links("chat", loop.messages)
    late = [*loop.messages, {"role": "system", "content": "x"}]
    assert len(links("chat", late).of) == len(loop.messages)


MARK = {"cache_control": {"type": "ephemeral"}}
TEXT = {"type": "text", "text": "hi"}
RESULT = {"type": "tool_result", "tool_use_id": "1", "content": "found"}


@pytest.mark.parametrize(
    ("marked", "bare"),
    [
        ({"role": "user", "content": "hi", **MARK}, {"role": "user", "content": "hi"}),
        ({"role": "user", "content": [{**TEXT, **MARK}]}, {"role": "user", "content": [TEXT]}),
        ({"role": "user", "content": [{**TEXT, **MARK}]}, {"role": "user", "content": "hi"}),
        ({"role": "user", "content": [{**RESULT, **MARK}]}, {"role": "user", "content": [RESULT]}),
        (
            {"role": "user", "content": [{**RESULT, "content": [{**TEXT, **MARK}]}, TEXT]},
            {"role": "user", "content": [{**RESULT, "content": [TEXT]}, TEXT]},
        ),
    ],
)
def test_marks_that_clients_move_do_not_count(marked, bare):
    assert links("messages", [marked, 1]).of == links("messages", [bare, 1]).of
    assert "cache_control" in str(marked), "and nothing is changed in place"


def test_everything_else_counts():
    base = {"role": "user", "content": [TEXT]}
    others = [
        {"role": "user", "content": [TEXT, TEXT]},
        {"role": "user", "content": [{**TEXT, "citations": []}]},
        {"role": "user", "content": [{**TEXT, "new": 1}]},
        {"role": "user", "content": "hi", "name": "x"},
        {"content": "hi", "role": "user"},
    ]
    assert len({links("messages", [message]).of for message in [base, *others]}) == len(others) + 1


def test_odd_messages_have_links_too():
    odd = [None, 1, "x", [], {"content": [None, 1, {"content": [None]}]}, {"content": {"cache_control": 1}}]
    assert len(links("messages", odd).of) == len(odd)
    assert links("chat", []).of == ()


def test_the_opening_is_the_same_wherever_the_marks_are():
    system, tools = [{"type": "text", "text": "Be good."}], [{"name": "t", "input_schema": {}}]
    bare = {"system": system, "tools": tools, "messages": [{"role": "user", "content": "hi"}, {"role": "assistant"}]}
    marked = {
        "system": [{**system[0], **MARK}],
        "tools": [{**tools[0], **MARK}],
        "messages": [{"role": "user", "content": [{**TEXT, **MARK}]}, {"role": "assistant", "content": "more"}],
        "model": "m",
    }
    assert opening(marked, "messages") == opening(bare, "messages")
    assert opening({"system": "s", "messages": "odd"}, "messages") == {"messages": "odd"}
    assert opening({"tools": 3, "messages": [1]}, "messages") == {"messages": [None]}
    clock = {**bare, "system": "It is now 12:01.", "tools": []}
    assert opening(clock, "messages") == opening(bare, "messages"), "clocks and new tools make no new session"


def test_a_rough_size_is_enough():
    loop = Loop("messages").step("x" * 1000, [{"type": "text", "text": "y" * 1000}])
    assert 2000 <= rough_size(loop.messages, 10_000) < 2400
    assert rough_size([{"content": "x" * 500}] * 1_000_000, 1000) < 2000
