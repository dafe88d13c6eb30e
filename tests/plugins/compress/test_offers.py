import copy

import pytest
from compress_kit import SHAPES, Loop, Quarter, compressor

from tailrace.testing import exchange, run, whole
from tailrace.tokens import TokenCounter
from tailrace.wire import jsonio
from tailrace_plugins.compress.definitions import total
from tailrace_plugins.compress.definitions.lazy import LOAD_TOOLS
from tailrace_plugins.compress.hidden.nouns import Call
from tailrace_plugins.compress.hidden.offer import definition, names_of
from tailrace_plugins.compress.offers import Definitions, Offer, chosen, offer_of, works_on_files
from tailrace_plugins.compress.recall import RECALL, RECALL_TOKENS

COUNT = Quarter().count
SENTENCE = "Does one thing to the booking that is named in the arguments, and says what came of it. "


def tool(shape, name, words=20):
    schema = {
        "type": "object",
        "title": f"{name}Arguments",
        "properties": {"id": {"type": "string", "title": "Id", "description": "The booking's id. " * 3}},
        "required": ["id"],
    }
    about = f"{name} does this first. " + SENTENCE * words
    if shape == "messages":
        return {"name": name, "description": about, "input_schema": schema}
    holder = {"name": name, "description": about, "parameters": schema}
    return {"type": "function", **holder} if shape == "responses" else {"type": "function", "function": holder}


def request(shape, count=6, tools=None, **more):
    given = [tool(shape, f"tool_{n}") for n in range(count)] if tools is None else tools
    key = "input" if shape == "responses" else "messages"
    store = {"store": False} if shape == "responses" else {}
    return {"model": "m", key: [{"role": "user", "content": "Go."}], "tools": given, **store, **more}


def offered(shape, payload, form="as-is", recall=True, loaded=(), definitions=None, lazy_from=100):
    before = copy.deepcopy(payload)
    made = offer_of(
        shape,
        payload,
        recall=bool(recall),
        form=form,
        definitions=definitions or Definitions(form, 200, lazy_from, COUNT),
        loaded=loaded,
        count=COUNT,
    )
    assert payload == before, "the client's own are as they were"
    return made


def names(offer):
    return list(names_of(offer.tools))


NAMES = [f"tool_{n}" for n in range(6)]
FORMS = ("as-is", "trimmed", "shortened", "lazy")


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    ("form", "recall", "wanted"),
    [
        ("as-is", True, [*NAMES, RECALL.name]),
        ("trimmed", True, [*NAMES, RECALL.name]),
        ("shortened", False, NAMES),
        ("shortened", True, [*NAMES, RECALL.name]),
        ("lazy", False, [LOAD_TOOLS]),
        ("lazy", True, [LOAD_TOOLS, RECALL.name]),
    ],
)
def test_what_is_offered(shape, form, recall, wanted):
    offer = offered(shape, request(shape), form, recall)
    assert names(offer) == wanted
    assert offer.names == {name for name in wanted if name in (LOAD_TOOLS, RECALL.name)}
    assert offer.recalls is recall and offer.form is (
        form == "lazy" or form == "shortened" or offer.before > offer.after
    )
    assert (offer.catalogue is not None) is (form == "lazy")
    if recall:
        assert definition(shape, RECALL) in offer.tools


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("form", FORMS)
def test_the_same_list_gives_the_same_bytes(shape, form):
    kept = Definitions(form, 200, 100, COUNT)
    one = offered(shape, request(shape), form, definitions=kept)
    two = offered(shape, copy.deepcopy(request(shape)), form, definitions=kept)
    fresh = offered(shape, request(shape), form)
    assert jsonio.dumps(list(one.tools)) == jsonio.dumps(list(two.tools)) == jsonio.dumps(list(fresh.tools))
    assert (one.before, one.after) == (two.before, two.after) == (fresh.before, fresh.after)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("form", FORMS[1:])
def test_tokens_before_and_after(shape, form):
    payload = request(shape)
    offer = offered(shape, payload, form)
    assert offer.before == total(payload["tools"], COUNT)
    assert offer.after == tokens(shape, offer.tools)


def tokens(shape, tools):
    """Ours is not counted each time."""
    mine = definition(shape, RECALL)
    return total([tool for tool in tools if tool != mine], COUNT) + RECALL_TOKENS * (mine in tools)


def test_what_a_tool_costs_is_told():
    offer = offered("chat", request("chat"))
    assert offer.after - offer.before == RECALL_TOKENS
    counter = TokenCounter()
    counter.load()
    exact = total([definition("chat", RECALL)], counter.count)
    assert abs(exact - RECALL_TOKENS) <= 5, "as o200k_base counts it"


SMALL = [{"type": "function", "function": {"name": "a", "parameters": {"type": "object"}}}]


@pytest.mark.parametrize("form", FORMS)
def test_nothing_is_rewritten_where_nothing_is_gained(form):
    assert offered("chat", request("chat", tools=SMALL), form, False) == Offer()
    more = offered("chat", request("chat", tools=SMALL), form, True)
    assert more.tools == [*SMALL, definition("chat", RECALL)] and more.tools[0] is SMALL[0]


def test_short_lists_are_not_loaded_lazily():
    payload = request("chat")
    least = total(payload["tools"], COUNT)
    assert offered("chat", payload, "lazy", lazy_from=least).catalogue is not None
    short = offered("chat", payload, "lazy", lazy_from=least + 1)
    assert short.catalogue is None and LOAD_TOOLS not in names(short)


@pytest.mark.parametrize("shape", SHAPES)
def test_tools_that_were_loaded_stand_behind_all_others_in_their_order(shape):
    payload = request(shape)
    before = offered(shape, payload, "lazy")
    for loaded in (["tool_3"], ["tool_3", "tool_0"], ["tool_3", "tool_0", "nobody"]):
        offer = offered(shape, payload, "lazy", loaded=loaded)
        assert list(offer.tools[: len(before.tools)]) == list(before.tools), "they only grow at the end"
        assert names(offer) == [LOAD_TOOLS, RECALL.name, *(name for name in loaded if name in NAMES)]
        assert offer.after == tokens(shape, offer.tools)
        before = offer


@pytest.mark.parametrize("shape", SHAPES)
def test_what_is_loaded_in_a_round_stands_where_it_stands_in_the_next_turn(shape):
    offer = offered(shape, request(shape), "lazy")
    answered = offer.catalogue.answer(Call("c", LOAD_TOOLS, '{"names":["tool_2","tool_1"]}'))
    later = offered(shape, request(shape), "lazy", loaded=["tool_2", "tool_1"])
    assert [*offer.tools, *answered.tools] == list(later.tools)


CHOICES = {
    "chat": {"type": "function", "function": {"name": "tool_4"}},
    "responses": {"type": "function", "name": "tool_4"},
    "messages": {"type": "tool", "name": "tool_4"},
}


NESTED = {"type": "function", "function": {"name": "tool_2"}}


@pytest.mark.parametrize(
    ("choice", "wanted"),
    [
        *((choice, ("tool_4",)) for choice in CHOICES.values()),
        ({"type": "allowed_tools", "mode": "auto", "tools": [CHOICES["responses"]]}, ("tool_4",)),
        (
            {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [NESTED, CHOICES["chat"]]}},
            ("tool_2", "tool_4"),
        ),
        *((choice, ()) for choice in (None, "auto", "required", "none", {"type": "auto"}, {"type": "any"}, ["tool_4"])),
        ({"type": "allowed_tools"}, ()),
        ({"type": "allowed_tools", "allowed_tools": None, "tools": 3}, ()),
    ],
)
def test_tools_that_a_choice_names(choice, wanted):
    assert chosen({"tool_choice": choice}) == wanted and chosen({}) == ()


@pytest.mark.parametrize("shape", SHAPES)
async def test_a_tool_that_must_be_called_is_defined_from_then_on(shape):
    """A provider refuses a choice of tools that there are not."""
    made = compressor({"definitions": "lazy", "lazy_from_tokens": 100})
    loop = Loop(shape, {"tools": request(shape)["tools"], **({"store": False} if shape == "responses" else {})})
    got = []
    for choice in (None, CHOICES[shape], None):
        payload = {**loop.payload(), **({"tool_choice": choice} if choice else {})}
        result = await run(made, exchange(payload, endpoint=SHAPES[shape]), whole({}))
        got.append(list(names_of(result.upstream.got[0].payload["tools"])))
        loop.step("found")
    assert got == [[LOAD_TOOLS], [LOAD_TOOLS, "tool_4"], [LOAD_TOOLS, "tool_4"]]


@pytest.mark.parametrize("tools", [None, [], {}, "tools", 3])
def test_without_tools_there_is_nothing_to_offer(tools):
    assert offered("chat", {**request("chat"), "tools": tools}, "lazy") == Offer()
    assert offered("chat", {"messages": []}, "shortened") == Offer()


def test_a_client_with_tools_of_these_names_keeps_them():
    clash = [*(tool("chat", name) for name in NAMES), tool("chat", RECALL.name)]
    made = offered("chat", request("chat", tools=clash), "shortened")
    assert names(made) == [*NAMES, RECALL.name] and made.hidden == () and not made.recalls
    clash[-1] = tool("chat", LOAD_TOOLS)
    made = offered("chat", request("chat", tools=clash), "lazy")
    assert names(made) == [*NAMES, LOAD_TOOLS, RECALL.name] and made.names == {RECALL.name}


@pytest.mark.parametrize(
    ("shape", "more"),
    [
        ("chat", {"n": 2}),
        ("chat", {"messages": [{"role": "user", "content": "Go."}, {"role": "assistant", "content": "Well,"}]}),
        ("responses", {"store": True}),
        ("responses", {"previous_response_id": "r"}),
        ("responses", {"background": True}),
    ],
)
def test_what_cannot_be_answered_here_is_not_offered(shape, more):
    made = offered(shape, request(shape, **more), "shortened")
    assert names(made) == NAMES and made.hidden == (), "they are smaller all the same"
    lazy = offered(shape, request(shape, **more), "lazy")
    assert (lazy.hidden, lazy.catalogue) == ((), None)


def test_a_list_is_made_smaller_once_and_the_oldest_is_forgotten():
    counted = []

    def count(text):
        counted.append(text)
        return COUNT(text)

    kept = Definitions("shortened", 200, 100, count)
    lists = [[tool("chat", f"t{n}")] for n in range(66)]
    assert not kept.knows("chat", lists[0])
    one = kept.of("chat", lists[0], lazily=False)
    counted.clear()
    assert kept.of("chat", copy.deepcopy(lists[0]), lazily=False) is one and counted == []
    assert kept.knows("chat", lists[0]) and not kept.knows("messages", lists[0])
    for tools in lists:
        kept.of("chat", tools, lazily=False)
    assert [kept.knows("chat", tools) for tools in lists[:3]] == [False, False, True] and kept.knows("chat", lists[65])


@pytest.mark.parametrize(
    ("tool_names", "found"),
    [(["bash"], True), (["search", "read_file"], True), (["search", "book_flight"], False), ([], False)],
)
def test_tools_that_read_files_or_run_commands(tool_names, found):
    for shape in SHAPES:
        assert works_on_files({"tools": [tool(shape, name) for name in tool_names]}) is found
    assert not works_on_files({"tools": None})


# Through the plugin.


@pytest.mark.parametrize("shape", SHAPES)
async def test_every_turn_begins_with_the_same_tools(shape):
    made = compressor({"definitions": "lazy", "lazy_from_tokens": 100, "retrieval": True, "long_results": True})
    loop = Loop(shape, request(shape, tools=[tool(shape, name) for name in ("bash", *NAMES)]))
    del loop.more["input" if shape == "responses" else "messages"]
    got = []
    for number in range(3):
        result = await run(made, exchange(loop.payload(), endpoint=SHAPES[shape]), whole({}))
        got.append(jsonio.dumps(result.upstream.got[0].payload["tools"]))
        assert result.facts["tools_after"] < result.facts["tools_before"] / 2
        loop.step(f"result {number}")
    assert got[0] == got[1] == got[2] and LOAD_TOOLS.encode() in got[0] and RECALL.name.encode() in got[0]


async def test_a_tool_that_was_loaded_is_there_in_every_later_turn():
    made = compressor({"definitions": "lazy", "lazy_from_tokens": 100})
    loop = Loop("chat", {"tools": request("chat")["tools"]})
    call = {"id": "l", "type": "function", "function": {"name": LOAD_TOOLS, "arguments": '{"names":["tool_5"]}'}}

    def answer(message, finish):
        return whole({"choices": [{"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}]})

    first = await run(
        made,
        exchange(loop.payload()),
        answer({"content": None, "tool_calls": [call]}, "tool_calls"),
        answer({"content": "Done."}, "stop"),
    )
    lists = [list(names_of(asked.payload["tools"])) for asked in first.upstream.got]
    assert lists == [[LOAD_TOOLS], [LOAD_TOOLS, "tool_5"]]
    assert first.text == "Done." and LOAD_TOOLS.encode() not in first.body
    sent = first.upstream.got[1].payload
    loop.messages += [first.answer["choices"][0]["message"], {"role": "user", "content": "More."}]
    for _ in range(2):
        later = (await run(made, exchange(loop.payload()), whole({}))).upstream.got[0].payload
        assert later["tools"] == sent["tools"]
        assert later["messages"][: len(sent["messages"])] == sent["messages"]
        loop.messages += [{"role": "assistant", "content": "Well."}, {"role": "user", "content": "More."}]
