import pytest
from compress_kit import SHAPES, Loop, compressor, listing, send

from tailrace.testing import exchange, run, whole
from tailrace_plugins.compress.chain import Edit, links
from tailrace_plugins.compress.memory import Known, Note
from tailrace_plugins.compress.tally import Tally
from tailrace_plugins.compress.turn import read_turn, session_of

EDIT = Edit((0,), "short", 100, 10, ("minify",))
LOTS = 1 << 30


def knowing(loop, known=None, made=None, most=LOTS):
    return (known or Known()).with_decisions(links(loop.shape, loop.messages), made or {}, most)


def turn(loop, known=None, session="s", users=False):
    chain = links(loop.shape, loop.messages)
    return read_turn(loop.shape, loop.messages, chain, session, known, Tally(), 100, is_long=False, users=users)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_first_request_is_whole(shape):
    loop = Loop(shape)
    for known in (None, Known()):
        read = turn(loop, known)
        assert read.is_whole and read.answers == 0 and read.new == {}
        assert read.link == links(shape, loop.messages).of[-1]
    assert not turn(loop, session="").is_whole, "nothing is remembered of a session without a name"


@pytest.mark.parametrize("shape", SHAPES)
def test_a_conversation_that_went_on_is_whole(shape):
    loop = Loop(shape)
    known = None
    for number in range(3):
        known = knowing(loop, known)
        read = turn(loop.step(f"result {number}", "another"), known)
        assert read.is_whole and [len(found) for found in read.new.values()] in ([2], [1, 1])
    assert read.answers == 3 if shape != "responses" else read.answers == 6, "each call is an item there"


@pytest.mark.parametrize("shape", SHAPES)
def test_a_history_of_which_nothing_is_known_is_not_whole(shape):
    loop = Loop(shape).step("a").step("b")
    for known in (None, Known(), knowing(Loop(shape, messages=[{"role": "user", "content": "something else"}]))):
        read = turn(loop, known)
        assert not read.is_whole and read.new == {} and sum(map(len, read.found.values())) == 2


def test_the_form_of_the_tools_is_that_of_the_first_request():
    """They stand before all messages, and must be the same in every turn."""
    loop = Loop("chat")
    assert turn(loop).is_first
    known = knowing(loop).with_note(turn(loop).link, Note(form="lazy"), LOTS)
    read = turn(loop.step("a").step("b"), knowing(loop, known))
    assert not read.is_first and read.form == "lazy"
    known = knowing(loop)
    read = turn(loop.step("c"), known)
    assert read.is_whole and read.form == "as-is", "known by now, and not from its beginning"


def test_what_was_offered_and_loaded_before():
    loop = Loop("chat")
    assert not turn(loop).recalls and turn(loop).loaded == []
    known = knowing(loop).with_note(turn(loop).link, Note(adopts=True, loads=("b",)), LOTS)
    known = knowing(loop.step("a"), known).with_note(links("chat", loop.messages).of[-1], Note(loads=("a",)), LOTS)
    read = turn(loop.step("b"), known)
    assert read.recalls and read.loaded == ["b", "a"]


def test_a_turn_that_somebody_else_sent():
    loop = Loop("chat")
    known = knowing(loop)
    loop.step("a").step("b")
    read = turn(loop, known)
    assert not read.is_whole and list(read.new) == [5], "what is new may be edited all the same"


def test_an_answer_may_be_several_messages():
    loop = Loop("responses")
    known = knowing(loop)
    loop.messages.append({"type": "reasoning", "summary": []})
    assert turn(loop.step("a", "b"), known).is_whole


def test_a_request_that_is_sent_again_and_one_that_goes_back():
    loop = Loop("chat").step("a")
    known = knowing(loop, knowing(Loop("chat")))
    assert turn(loop, known).is_whole
    assert turn(Loop("chat"), known).is_whole
    other = Loop("chat").step("another result")
    assert turn(other, known).is_whole, "another way from the same beginning"


def test_a_prefilled_answer_is_no_answer_yet():
    loop = Loop("messages")
    loop.messages.append({"role": "assistant", "content": "Well,"})
    assert turn(loop).is_whole


def test_whether_there_is_room_is_told():
    loop = Loop("chat")
    chain = links("chat", loop.messages)
    read = read_turn("chat", loop.messages, chain, "s", None, Tally(), 9, is_long=False, users=False, has_room=False)
    assert read.is_whole and not read.has_room and turn(loop).has_room


def test_messages_that_are_only_instructions():
    loop = Loop("chat", messages=[{"role": "system", "content": "Do."}])
    assert not turn(loop).is_whole


def test_what_was_decided_and_noted_comes_with_it():
    loop = Loop("chat").step("a")
    chain = links("chat", loop.messages)
    known = knowing(loop, made={3: (EDIT,)}).with_note(chain.of[-1], Note(adopts=True), LOTS)
    read = turn(loop.step("b"), known)
    assert read.conversation.edits == {3: (EDIT,)} and read.conversation.notes == {3: Note(adopts=True)}
    assert (read.seen, read.start, list(read.found)) == (4, 4, [5])
    assert turn(loop).conversation.edits == {}


def test_what_a_user_says_is_only_found_where_that_is_asked_for():
    loop = Loop("chat")
    assert turn(loop).new == {}
    assert [piece.role for _, piece in turn(loop, users=True).new[1]] == ["user"]


ANSWER_KEPT = {"previous_response_id": "resp_1", "input": [{"role": "user", "content": "Hi"}]}


def test_the_session_of_a_request():
    def session(payload, endpoint="chat", tenant="t", **headers):
        return session_of(exchange(payload, endpoint=SHAPES[endpoint], tenant=tenant, headers=headers))

    hi = {"messages": [{"role": "user", "content": "Hi"}]}
    marked = {
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Hi", "cache_control": {"type": "x"}}]}]
    }
    named = {"x-tailrace-session": "mine"}
    assert session(hi) and session(hi) == session(hi)
    assert session(hi, "messages") == session(marked, "messages"), "marks move"
    assert session(hi) != session(hi, tenant="another")
    assert session(hi, **named) == session({"messages": []}, **named) != session(hi)
    assert session(ANSWER_KEPT, "responses") == "", "nothing of it is sent again"
    assert session(ANSWER_KEPT, "responses", **named) != ""


@pytest.mark.parametrize("shape", ["chat", "messages"])
def test_conversations_that_begin_otherwise_are_sessions_of_their_own(shape):
    one, other = ({"messages": [{"role": "user", "content": said}]} for said in ("Hi", "Ho"))
    assert session_of(exchange(one, endpoint=SHAPES[shape])) != session_of(exchange(other, endpoint=SHAPES[shape]))


def test_responses_that_begin_otherwise_are_sessions_of_their_own():
    one, other = ({"input": [{"role": "user", "content": said}]} for said in ("Hi", "Ho"))
    ids = {session_of(exchange(given, endpoint=SHAPES["responses"])) for given in (one, other, one)}
    assert len(ids) == 2


TOOLS = [{"type": "function", "function": {"name": "bash", "description": "Runs. " * 200, "parameters": {}}}]


async def test_tools_never_change_in_the_middle_after_a_restart():
    made = compressor({"definitions": "shortened", "retrieval": True, "long_results": True})
    loop = Loop("chat", {"tools": TOOLS}).step(listing()).step(listing(7))
    got = []
    for number in range(3):
        result = await send(made, loop)
        got.append(result.upstream.got[0].payload["tools"])
        loop.step(f"result {number}")
    assert got[0] == TOOLS, "nothing is known of what was sent before"
    assert got[1] == got[0] and got[2] == got[0]


PADDED = {"type": "object", "properties": {f"p{n}": {"type": "string", "title": f"P {n} of it"} for n in range(40)}}


@pytest.mark.parametrize(
    "settings",
    [
        {"retrieval": True, "long_results": True},
        {"definitions": "shortened"},
        {"definitions": "lazy", "lazy_from_tokens": 100},
    ],
)
async def test_responses_tools_never_change_in_the_middle(settings):
    """The first request may be kept at the provider, where nothing can be offered; later ones say all that was said."""
    made = compressor(settings)
    tools = [
        {"type": "function", "name": name, "description": "Runs. " * 200, "parameters": PADDED, "strict": False}
        for name in ("bash", "look", "find")
    ]
    got = []
    loop = Loop("responses", {"tools": tools})
    for number in range(3):
        result = await run(made, exchange(loop.payload(), endpoint=SHAPES["responses"]), whole({}))
        got.append(result.upstream.got[0].payload["tools"])
        loop.step(f"result {number}")
    assert got[0] == got[1] == got[2]
