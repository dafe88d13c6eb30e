import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace.wire.conversation import Conversation, ToolCall, Turn
from tailrace_plugins.router.policy.signs import SIGNS, mark_of, signs_of_failure

ASK = Turn("user", "Count the files.")


def call(arguments="{}", name="ls", id_=""):
    return Turn("assistant", "", calls=(ToolCall(id_, name, arguments),))


def result(text, id_="", failed=False):
    return Turn("tool", text, call_id=id_, failed=failed)


def said(text):
    return Turn("assistant", text)


def asked(text):
    return Turn("user", text)


def signs(*turns, answered=None):
    return signs_of_failure(Conversation(turns), answered)


REPEATS = {
    "three the same": [ASK, call(), call(), call()],
    "keys in another order": [call('{"a":1,"b":2}'), call('{"b": 2, "a": 1}'), call('{"a": 1.0, "b": 2}')],
    "no JSON": [call("ls -l"), call("ls -l"), call("ls -l")],
    "others between": [call(), call(name="x"), call(), call(name="y"), call()],
    "in one turn": [Turn("assistant", "", calls=(ToolCall("a", "ls", "{}"),) * 3)],
    "the same results": [t for n in "abc" for t in (call(id_=n), result("2 failed", n))],
    "no results": [call(id_="a"), call(id_="b"), call(id_="c")],
}
NO_REPEATS = {
    "nothing": [],
    "twice": [call(), call()],
    "other arguments": [call('{"page":1}'), call('{"page":2}'), call('{"page":3}')],
    "other names": [call(name="a"), call(name="b"), call(name="c")],
    "tests after each edit": [t for n in "abc" for t in (call(id_=n), result(f"{n} failed", n))],
    "too long ago": [call(), call(), *(call(name=str(n)) for n in range(7)), call()],
}


@pytest.mark.parametrize("turns", REPEATS.values(), ids=REPEATS)
def test_repeated_calls(turns):
    assert signs(*turns) == ("repeated-calls",)


@pytest.mark.parametrize("turns", NO_REPEATS.values(), ids=NO_REPEATS)
def test_no_repeated_calls(turns):
    assert signs(*turns) == ()


BAD = result("Error: no such table")
TROUBLE = {
    "two in a row": [ASK, call("1"), BAD, call("2"), BAD],
    "marked": [call("1"), result("no rows", failed=True), call("2"), result("nothing", failed=True)],
    "from parallel calls": [call("1"), BAD, BAD],
    "a reminder behind": [call("1"), BAD, call("2"), BAD, asked("<system-reminder>Be careful.</system-reminder>")],
    "reminders all along": [call("1"), BAD, asked("The date is new."), call("2"), BAD],
}
NO_TROUBLE = {
    "one": [ASK, call("1"), BAD],
    "the last one is fine": [call("1"), BAD, call("2"), BAD, call("3"), result("ok")],
    "a good one between": [call("1"), BAD, call("2"), result("ok"), call("3"), BAD],
    "a new request since": [call("1"), BAD, call("2"), BAD, said("I give up."), asked("Then tell me a joke.")],
    "source code": [
        call("1"),
        result("try:\n  run()\nexcept ValueError:\n  pass"),
        call("2"),
        result("raise Error('x')"),
    ],
    "before the last request": [call("1"), BAD, said("It fails."), asked("Use the other one."), call("2"), BAD],
}


@pytest.mark.parametrize("turns", TROUBLE.values(), ids=TROUBLE)
def test_tool_errors(turns):
    assert signs(*turns) == ("tool-errors",)


@pytest.mark.parametrize("turns", NO_TROUBLE.values(), ids=NO_TROUBLE)
def test_no_tool_errors(turns):
    assert signs(*turns) == ()


@pytest.mark.parametrize(
    ("turns", "expected"),
    [
        ([ASK, said("I'm sorry, but I can't help with that."), asked("Why?")], ("refusal",)),
        ([ASK, said("I can't help with that.")], ("refusal",)),
        ([ASK, said("I can't help with that."), asked("Why?"), said("Here it is."), asked("Good.")], ()),
        ([ASK, Turn("assistant", "I can't help with that, but the tool can.", calls=(ToolCall("", "f", ""),))], ()),
        ([asked("I can't help with that.")], ()),
        ([ASK, said("There are four."), asked("That's wrong.")], ("user-corrects",)),
        ([ASK, said("There are four."), asked("Is that wrong?")], ()),
        ([ASK, said("There are four."), asked("No problem.")], ()),
        ([asked("That's wrong.")], ()),
        ([ASK, asked("That's wrong.")], ()),
        ([ASK, said("Four."), asked("That's wrong."), said("Five.")], ()),
        ([ASK, said("Four."), asked("That's wrong."), said("Five."), asked("Thanks!")], ()),
        ([ASK, call("1"), result("ok"), asked("That's wrong.")], ()),
        ([ASK, said("I can't assist with this."), asked("Try again.")], ("refusal", "user-corrects")),
    ],
)
def test_words(turns, expected):
    assert signs(*turns) == expected


def test_what_was_answered_does_not_count_again():
    before = [ASK, call("1"), BAD, call("2"), BAD]
    mark = mark_of(Conversation(tuple(before)))
    assert signs(*before) == ("tool-errors",)
    assert signs(*before, answered=mark) == ()
    assert signs(*before, call("3"), BAD, answered=mark) == ()
    assert signs(*before, call("3"), BAD, call("4"), BAD, answered=mark) == ("tool-errors",)


def test_the_same_complaint_a_second_time_is_new():
    first = [ASK, said("Four."), asked("Try again.")]
    mark = mark_of(Conversation(tuple(first)))
    assert signs(*first, said("Five."), answered=mark) == ()
    assert signs(*first, said("Five."), asked("Try again."), answered=mark) == ("user-corrects",)


def test_a_correction_right_behind_the_mark_follows_an_answer():
    first = [ASK, said("Four.")]
    assert signs(*first, asked("That's wrong."), answered=mark_of(Conversation(tuple(first)))) == ("user-corrects",)


def test_a_mark_that_is_not_found_answers_nothing():
    assert signs(ASK, said("Four."), asked("Wrong."), answered=12345) == ("user-corrects",)
    assert signs(asked("Wrong."), answered=12345) == ("user-corrects",)


def test_marks():
    assert mark_of(Conversation(())) == 0
    assert mark_of(Conversation((ASK, said("a")))) != mark_of(Conversation((ASK, said("b"))))
    assert mark_of(Conversation((asked("x"), said("a")))) != mark_of(Conversation((asked("y"), said("a"))))
    assert mark_of(Conversation((asked("\ud800"),)))


texts = st.sampled_from(["", "That's wrong.", "Error: x", "I can't help with that.", "fine", "\ud800"]) | st.text(
    max_size=9
)
turns = st.builds(
    Turn,
    st.sampled_from(["system", "user", "assistant", "tool"]),
    texts,
    calls=st.lists(st.builds(ToolCall, st.sampled_from("ab"), st.sampled_from("fg"), texts), max_size=3).map(tuple),
    call_id=st.sampled_from("ab"),
    failed=st.booleans(),
)


@given(st.lists(turns, max_size=12))
def test_any_conversation(given_turns):
    conversation = Conversation(tuple(given_turns))
    found = signs_of_failure(conversation)
    assert list(found) == [sign for sign in SIGNS if sign in found]
    assert signs_of_failure(conversation, mark_of(conversation)) in ((), found)


def test_long_histories_and_texts_take_bounded_time():
    huge = "no, that's " * 500_000
    rounds = [t for n in range(2_000) for t in (call(huge, id_=str(n)), result(huge, str(n)), said(huge), asked(huge))]
    conversation = Conversation(tuple(rounds))
    began = time.perf_counter()
    mark = mark_of(conversation)
    signs_of_failure(conversation, mark + 1)
    assert time.perf_counter() - began < 1
