import copy

import pytest

from tailrace_plugins.compress.hidden.nouns import Inserted
from tailrace_plugins.compress.hidden.restore import restored

USER = {"role": "user", "content": "Why?"}
THANKS = {"role": "user", "content": "Thanks."}
MORE = {"role": "user", "content": "More?"}


def chat(content, *ids):
    calls = [{"id": id_, "type": "function", "function": {"name": "f", "arguments": "{}"}} for id_ in ids]
    return {"role": "assistant", "content": content, **({"tool_calls": calls} if calls else {})}


def tool(id_):
    return {"role": "tool", "tool_call_id": id_, "content": id_}


def said(*blocks):
    return {"role": "assistant", "content": [*blocks]}


def got(*blocks):
    return {"role": "user", "content": [*blocks]}


def text(words):
    return {"type": "text", "text": words}


def use(id_):
    return {"type": "tool_use", "id": id_, "name": "f", "input": {}}


def result(id_):
    return {"type": "tool_result", "tool_use_id": id_, "content": id_}


def thinking(words):
    return {"type": "thinking", "thinking": words, "signature": words}


def item(words, id_="msg_1"):
    return {"type": "message", "role": "assistant", "id": id_, "content": [{"type": "output_text", "text": words}]}


def fc(id_):
    return {"type": "function_call", "call_id": id_, "name": "f", "arguments": "{}"}


def out(id_):
    return {"type": "function_call_output", "call_id": id_, "output": id_}


def rs(id_):
    return {"type": "reasoning", "id": id_, "summary": [], "encrypted_content": id_}


CHAT_TURNS = (chat("Let me.", "h"), tool("h"))
MESSAGES_TURNS = (said(thinking("hm"), text("Let me."), use("h")), got(result("h")))
ITEMS = (rs("rs_1"), item("Let me."), fc("h"), out("h"))

CASES = [
    # turns, before a message of a whole answer
    ("chat", [USER, chat("4."), MORE], 1, Inserted(CHAT_TURNS), [USER, *CHAT_TURNS, chat("4."), MORE]),
    ("messages", [USER, said(text("4.")), MORE], 1, Inserted(MESSAGES_TURNS),
     [USER, *MESSAGES_TURNS, said(text("4.")), MORE]),
    ("responses", [USER, item("4."), MORE], 1, Inserted(ITEMS), [USER, *ITEMS, item("4."), MORE]),
    # of a stream the message repeats what was said
    ("chat", [USER, chat("Let me.\n\n4.")], 1, Inserted(CHAT_TURNS, shown=True), [USER, *CHAT_TURNS, chat("4.")]),
    ("chat", [USER, chat("Let me. 4.")], 1, Inserted(CHAT_TURNS, shown=True), [USER, *CHAT_TURNS, chat(" 4.")]),
    ("chat", [USER, chat("Other.")], 1, Inserted(CHAT_TURNS, shown=True), [USER, *CHAT_TURNS, chat("Other.")]),
    ("chat", [USER, chat("Let me.", "c"), tool("c")], 1, Inserted(CHAT_TURNS, shown=True),
     [USER, *CHAT_TURNS, chat(None, "c"), tool("c")]),
    ("chat", [USER, chat([text("Let me.\n\n4.")])], 1, Inserted(CHAT_TURNS, shown=True),
     [USER, *CHAT_TURNS, chat([text("4.")])]),
    ("chat", [USER, chat("Let me.\n\nAnd.\n\n4.")], 1,
     Inserted((*CHAT_TURNS, chat("And.", "i"), tool("i"), chat(None, "j"), tool("j")), shown=True),
     [USER, *CHAT_TURNS, chat("And.", "i"), tool("i"), chat(None, "j"), tool("j"), chat("4.")]),
    ("messages", [USER, said(thinking("hm"), text("Let me."), thinking("ha"), text("4."))], 1,
     Inserted(MESSAGES_TURNS, shown=True), [USER, *MESSAGES_TURNS, said(thinking("ha"), text("4."))]),
    ("messages", [USER, said(text("Let me."), {**text("4."), "cache_control": {}})], 1,
     Inserted(MESSAGES_TURNS, shown=True), [USER, *MESSAGES_TURNS, said({**text("4."), "cache_control": {}})]),
    ("messages", [USER, said(text("Let me."))], 1, Inserted(MESSAGES_TURNS, shown=True),
     [USER, *MESSAGES_TURNS, said(text("Let me."))]),
    ("messages", [USER, said(text("Other."))], 1, Inserted(MESSAGES_TURNS, shown=True),
     [USER, *MESSAGES_TURNS, said(text("Other."))]),
    ("responses", [USER, item("Let me."), rs("rs_2"), item("4.", "msg_2"), MORE], 1, Inserted(ITEMS, shown=True),
     [USER, *ITEMS, rs("rs_2"), item("4.", "msg_2"), MORE]),
    ("responses", [USER, {"role": "assistant", "content": "4."}], 1, Inserted(ITEMS, shown=True),
     [USER, *ITEMS, {"role": "assistant", "content": "4."}]),
    # calls and their results
    ("chat", [USER, chat(None, "c"), tool("c"), THANKS], 1, Inserted(calls=tuple(chat("", "h")["tool_calls"]), results=(tool("h"),)),
     [USER, chat(None, "c", "h"), tool("c"), tool("h"), THANKS]),
    ("chat", [chat(None, "c", "d"), tool("c"), tool("d")], 0, Inserted(calls=tuple(chat("", "h")["tool_calls"]), results=(tool("h"),)),
     [chat(None, "c", "d", "h"), tool("c"), tool("d"), tool("h")]),
    ("messages", [USER, said(text("Now."), use("c")), got(result("c"), text("Go on."))], 1,
     Inserted(calls=(use("h"),), results=(result("h"),)),
     [USER, said(text("Now."), use("c"), use("h")), got(result("c"), result("h"), text("Go on."))]),
    ("messages", [USER, said(use("c")), THANKS], 1, Inserted(calls=(use("h"),), results=(result("h"),)),
     [USER, said(use("c"), use("h")), got(result("h"), text("Thanks."))]),
    ("messages", [USER, said(use("c"))], 1, Inserted(calls=(use("h"),), results=(result("h"),)), [USER, said(use("c"))]),
    ("responses", [USER, rs("rs_1"), fc("c"), fc("d"), out("c"), out("d"), THANKS], 1,
     Inserted(calls=(fc("h"),), results=(out("h"),)),
     [USER, rs("rs_1"), fc("c"), fc("d"), fc("h"), out("c"), out("d"), out("h"), THANKS]),
    # both
    ("messages", [USER, said(text("Let me."), use("c")), got(result("c"))], 1,
     Inserted(MESSAGES_TURNS, (use("i"),), (result("i"),), shown=True),
     [USER, *MESSAGES_TURNS, said(use("c"), use("i")), got(result("c"), result("i"))]),
    # nothing to put back, nowhere to put it
    ("chat", [USER, chat("4.")], 1, Inserted(), [USER, chat("4.")]),
    ("chat", [USER, MORE], 1, Inserted(CHAT_TURNS), [USER, MORE]),
    ("chat", [USER], 1, Inserted(CHAT_TURNS), [USER]),
    ("chat", [USER, chat("4.")], -1, Inserted(CHAT_TURNS), [USER, chat("4.")]),
    ("chat", ["odd", 3, None], 1, Inserted(CHAT_TURNS), ["odd", 3, None]),
    ("messages", [said("4.")], 0, Inserted(MESSAGES_TURNS, (use("i"),), shown=True), [*MESSAGES_TURNS, said("4.")]),
]  # fmt: skip


@pytest.mark.parametrize(("shape", "messages", "index", "inserted", "expected"), CASES)
def test_what_was_hidden_is_put_back(shape, messages, index, inserted, expected):
    before = copy.deepcopy((messages, inserted))
    assert restored(shape, messages, index, inserted) == expected
    assert (messages, inserted) == before


def test_several_are_put_back_from_the_last_to_the_first():
    messages = [USER, chat("4."), MORE, chat("5."), THANKS]
    for index in (3, 1):
        messages = restored("chat", messages, index, Inserted(CHAT_TURNS))
    assert messages == [USER, *CHAT_TURNS, chat("4."), MORE, *CHAT_TURNS, chat("5."), THANKS]
