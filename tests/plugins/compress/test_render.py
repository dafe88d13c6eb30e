import copy

import pytest
from compress_kit import Loop

from tailrace_plugins.compress.chain import Edit, Links, links
from tailrace_plugins.compress.hidden.nouns import Inserted
from tailrace_plugins.compress.memory import Fold, Note
from tailrace_plugins.compress.render import fold_of, rendered, texts

SUMMARY = {"role": "user", "content": "In short."}


def edit(text, path=(0,)):
    return (Edit(path, text, 100, 10, ("minify",)),)


def call(id_):
    function = {"name": "f", "arguments": "{}"}
    return {"role": "assistant", "content": None, "tool_calls": [{"id": id_, "type": "function", "function": function}]}


def tool(id_, text="long"):
    return {"role": "tool", "tool_call_id": id_, "content": text}


def hidden(name):
    """A round that the client did not see."""
    return Inserted((call(name), tool(name, f"{name} lines")))


# System 0, task 1, then five turns of a call and its result: 2-3, 4-5, 6-7, 8-9, 10-11.
CHAT = [{"role": "system", "content": "Do."}, {"role": "user", "content": "Go."}]
for number in range(5):
    CHAT += [call(f"c{number}"), tool(f"c{number}")]
CHAIN = links("chat", CHAT)
FOLD = Fold(3, 7, SUMMARY)
"""Counted from the first of the chain: messages 4 to 7, the second and third turn."""


def made(edits=None, notes=None, messages=CHAT):
    kept = copy.deepcopy(messages)
    found = rendered("chat", messages, CHAIN, edits or {}, notes or {})
    assert messages == kept, "the client's are as they were"
    assert found is not messages
    return found


def test_without_anything_they_are_the_same():
    assert made() == CHAT and all(one is other for one, other in zip(made(), CHAT, strict=True))


def test_an_edit_stands_where_its_text_stood():
    found = made({3: edit("s"), 11: edit("t")})
    assert [index for index in range(12) if found[index] != CHAT[index]] == [3, 11]
    assert (found[3], found[11]) == (tool("c0", "s"), tool("c4", "t"))


def test_a_fold_stands_in_the_place_of_what_it_sums_up():
    assert made(notes={11: Note(fold=FOLD)}) == [*CHAT[:4], SUMMARY, *CHAT[8:]]


def test_the_last_fold_holds():
    second = Fold(3, 9, {"role": "user", "content": "In shorter."})
    notes = {9: Note(fold=FOLD), 11: Note(fold=second), 7: Note(adopts=True)}
    assert fold_of(notes) is second
    assert made(notes=notes) == [*CHAT[:4], second.message, *CHAT[10:]]
    assert fold_of({}) is None and fold_of({3: Note()}) is None


@pytest.mark.parametrize("edited", [4, 5, 7])
def test_edits_inside_a_fold_went_with_it(edited):
    edits = {3: edit("s"), edited: edit("t"), 9: edit("u")}
    assert made(edits, {11: Note(fold=FOLD)}) == [
        *CHAT[:3],
        tool("c0", "s"),
        SUMMARY,
        CHAT[8],
        tool("c3", "u"),
        *CHAT[10:],
    ]


def test_a_folds_own_edits_are_used_instead():
    fold = Fold(3, 7, SUMMARY, 0, {8: edit("anew"), 10: ()})
    found = made({9: edit("refers"), 11: edit("refers")}, {11: Note(fold=fold)})
    assert found == [*CHAT[:4], SUMMARY, CHAT[8], tool("c3", "anew"), CHAT[10], CHAT[11]], "or none at all"


# What is noted behind message N stands before the answer N + 1.
@pytest.mark.parametrize("behind", [1, 3, 5, 7, 9])
def test_what_was_inserted_stands_before_the_answer(behind):
    turns = list(hidden("r").turns)
    assert made(notes={behind: Note(inserted=hidden("r"))}) == [*CHAT[: behind + 1], *turns, *CHAT[behind + 1 :]]


def test_two_insertions_and_edits_around_them():
    notes = {3: Note(inserted=hidden("a")), 7: Note(inserted=hidden("b"))}
    found = made({5: edit("s"), 9: edit("t")}, notes)
    assert found == [
        *CHAT[:4], *hidden("a").turns, CHAT[4], tool("c1", "s"), *CHAT[6:8], *hidden("b").turns, CHAT[8],
        tool("c3", "t"), *CHAT[10:],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("behind", "found"),
    [
        (1, [*CHAT[:2], *hidden("r").turns, *CHAT[2:4], SUMMARY, *CHAT[8:]]),
        # The answers of these went, and what led to them with them.
        (3, [*CHAT[:4], SUMMARY, *CHAT[8:]]),
        (5, [*CHAT[:4], SUMMARY, *CHAT[8:]]),
        (7, [*CHAT[:4], SUMMARY, *hidden("r").turns, *CHAT[8:]]),
        (9, [*CHAT[:4], SUMMARY, *CHAT[8:10], *hidden("r").turns, *CHAT[10:]]),
    ],
)
def test_insertions_before_inside_and_behind_a_fold(behind, found):
    assert made(notes={behind: Note(inserted=hidden("r")), 11: Note(fold=FOLD)}) == found


def test_what_went_with_a_fold_comes_back_nowhere_else():
    # Without these five messages the seventh is another answer.
    assert made(notes={5: Note(inserted=hidden("r")), 11: Note(fold=Fold(3, 8, SUMMARY))}) == [
        *CHAT[:4],
        SUMMARY,
        *CHAT[9:],
    ]


def test_insertions_on_all_sides_of_a_fold():
    notes = {n: Note(inserted=hidden(f"r{n}")) for n in (1, 3, 5, 7, 9)} | {11: Note(fold=FOLD)}
    assert made({3: edit("s"), 5: edit("gone"), 9: edit("t")}, notes) == [
        *CHAT[:2], *hidden("r1").turns, CHAT[2], tool("c0", "s"), SUMMARY, *hidden("r7").turns, CHAT[8],
        tool("c3", "t"), *hidden("r9").turns, *CHAT[10:],
    ]  # fmt: skip


def test_a_fold_and_an_insertion_of_the_same_request():
    # The summary is used from this request on, and its answer had a round: both are noted behind its last message.
    messages = [*CHAT, {"role": "assistant", "content": "Done."}, {"role": "user", "content": "Thanks."}]
    found = made(notes={11: Note(inserted=hidden("r"), fold=FOLD)}, messages=messages)
    assert found == [*CHAT[:4], SUMMARY, *CHAT[8:], *hidden("r").turns, *messages[12:]]


def test_what_is_behind_the_last_message_waits_for_its_answer():
    assert made(notes={11: Note(inserted=hidden("r"))}) == CHAT


@pytest.mark.parametrize("count", range(12))
def test_a_beginning_of_the_messages_renders_to_the_beginning_of_all(count):
    """A text refers to what stands above it: only what is sent above it is looked at."""
    notes = {n: Note(inserted=hidden(f"r{n}")) for n in (1, 5, 7)} | {11: Note(fold=FOLD)}
    part, whole = made(notes=notes, messages=CHAT[:count]), made(notes=notes)
    if count < 4:
        # Of a list that ends before the fold it stands last.
        assert part.pop() == SUMMARY
    assert part == whole[: len(part)]


def test_calls_inside_a_message_and_their_results():
    inside = Inserted((), (call("r")["tool_calls"][0],), (tool("r", "lines"),))
    found = made({5: edit("s")}, {3: Note(inserted=inside)})
    assert [one["id"] for one in found[4]["tool_calls"]] == ["c1", "r"]
    assert found[5:7] == [tool("c1", "s"), tool("r", "lines")] and found[7:] == CHAT[6:]


def test_other_dialects():
    chain = Links(0, b"", (b"1", b"2", b"3", b"4"), (1, 1, 1, 1))
    results = [{"type": "tool_result", "tool_use_id": "c", "content": "long"}]
    anthropic = [
        {"role": "user", "content": "Go."},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "c", "name": "f", "input": {}}]},
        {"role": "user", "content": results},
        {"role": "assistant", "content": "So."},
    ]
    found = rendered("messages", anthropic, chain, {2: edit("s", (0, 0))}, {3: Note(fold=Fold(0, 1, SUMMARY))})
    assert found == [SUMMARY, anthropic[1], {"role": "user", "content": [{**results[0], "content": "s"}]}, anthropic[3]]
    items = [
        {"role": "user", "content": "Go."},
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "output": "long"},
        {"role": "assistant", "content": "So."},
    ]
    round_ = Inserted(({"type": "function_call", "call_id": "r", "name": "g", "arguments": "{}"},
                       {"type": "function_call_output", "call_id": "r", "output": "lines"}))  # fmt: skip
    found = rendered("responses", items, chain, {2: edit("s")}, {2: Note(inserted=round_)})
    assert found == [*items[:2], {**items[2], "output": "s"}, *round_.turns, items[3]]


def test_edits_by_place():
    assert texts({2: (*edit("a"), *edit("b", (1, 0))), 4: ()}) == {2: {(0,): "a", (1, 0): "b"}, 4: {}}


def test_only_the_first_messages_may_be_rendered():
    loop = Loop("chat").step("a").step("b")
    chain = links("chat", loop.messages)
    edits = {3: (Edit((0,), "A", 9, 1, ()),), 5: (Edit((0,), "B", 9, 1, ()),)}
    made = rendered("chat", loop.messages[:4], chain, edits, {})
    assert [message.get("content") for message in made][3] == "A" and len(made) == 4
