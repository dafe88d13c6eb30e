import gc

import pytest
from compress_kit import SHAPES, Loop

from tailrace.sessions import Sessions
from tailrace.testing import ManualClock
from tailrace_plugins.compress.chain import Edit, links
from tailrace_plugins.compress.memory import Known, Memory, cost, editable_from

EDIT = Edit((0,), "short", 100, 10, ("minify",))
LOTS = 1 << 30


def quiet(session, before, after):
    assert session and after is not before


def knowing(loop, made=None, most=LOTS):
    return Known().with_decisions(links(loop.shape, loop.messages), made or {}, most)


def test_what_was_decided_is_found_again():
    loop = Loop("chat").step("a")
    known = knowing(loop, {3: (EDIT,)})
    chain = links("chat", loop.step("b").messages)
    assert known.so_far(chain) == 4 and known.decisions(chain) == {3: (EDIT,)}
    loop.messages[1] = {"role": "user", "content": "another"}
    other = links("chat", loop.messages)
    assert known.so_far(other) == 1 and known.decisions(other) == {}


def test_the_first_decision_stays():
    loop = Loop("chat").step("a")
    chain = links("chat", loop.messages)
    known = knowing(loop, {3: (EDIT,)})
    later = known.with_decisions(chain, {3: ()}, LOTS)
    assert later is known
    other = Edit((0,), "other", 100, 5, ())
    grown = links("chat", loop.step("b").messages)
    more = known.with_decisions(grown, {3: (other,), 5: (other,)}, LOTS)
    assert more.decisions(grown) == {3: (EDIT,), 5: (other,)}
    assert known.decisions(grown) == {3: (EDIT,)}, "the older one is as it was"
    assert more.size == known.size + cost(()) + cost((other,))


def test_full_for_good():
    loop = Loop("chat").step("a")
    chain = links("chat", loop.messages)
    small = Known().with_decisions(chain, {3: (EDIT,)}, 2 * cost(()) + 1)
    assert small.full and small.so_far(chain) == 3 and small.size == 2 * cost(())
    again = small.with_decisions(chain, {3: (EDIT,)}, LOTS)
    assert again is small, "what was sent unedited for want of room is never edited later"
    exact = Known().with_decisions(chain, {3: (EDIT,)}, 2 * cost(()) + cost((EDIT,)))
    assert not exact.full and exact.decisions(chain) == {3: (EDIT,)}


def start(known, loop):
    return editable_from(known, links(loop.shape, loop.messages), loop.messages)


@pytest.mark.parametrize("shape", SHAPES)
def test_what_follows_what_is_known_is_new(shape):
    loop = Loop(shape)
    first = links(shape, loop.messages).first
    assert start(None, loop) == first, "a conversation's first request"
    known = knowing(loop)
    length = len(loop.messages)
    loop.step("a")
    assert start(known, loop) == length + 1, "what comes after the model's answer"
    assert start(knowing(loop), loop) == len(loop.messages), "a request that is sent again"


@pytest.mark.parametrize("shape", SHAPES)
def test_a_history_that_is_not_known_is_left_alone_with_all_that_follows(shape):
    loop = Loop(shape).step("a").step("b")
    assert start(None, loop) == len(loop.messages)
    assert start(Known(), loop) == len(loop.messages)
    known = knowing(loop)
    loop.step("c")
    assert start(known, loop) == len(loop.messages) - 1, "from then on it is known"


def test_turns_that_somebody_else_sent_are_left_alone():
    loop = Loop("chat")
    known = knowing(loop)
    loop.step("a").step("b")
    assert start(known, loop) == 5, "a was sent in a turn that was not seen"


def test_behind_an_edit_nothing_else_is_cached():
    loop = Loop("chat").step("a")
    known = knowing(loop, {3: (EDIT,)})
    loop.step("b").step("c")
    assert start(known, loop) == 4


def test_a_client_that_goes_another_way():
    loop = Loop("chat").step("a").step("b").step("c")
    known = knowing(loop)
    loop.messages[4:6] = []
    assert start(known, loop) == 4, "what it kept stands behind another prefix now"
    assert known.so_far(links("chat", loop.messages)) == 4


def test_another_conversation_of_the_same_session_is_another_way_only_behind_its_first_question():
    one, two = Loop("messages").step("a"), Loop("messages").step("b").step("c")
    one.messages.insert(0, {"role": "assistant", "content": "Hello."})
    two.messages.insert(0, {"role": "assistant", "content": "Hello."})
    two.messages[1] = {"role": "user", "content": "something else"}
    known = knowing(one)
    assert known.so_far(links("messages", two.messages)) == 1
    assert start(known, two) == 5


def test_memory_is_counted_and_given_back():
    sessions = Sessions(ManualClock(), most=2)
    memory = Memory(sessions.slot("compress", Known), LOTS, LOTS, quiet)
    loop = Loop("chat").step("a")
    chain = links("chat", loop.messages)
    size = memory.decide("one", chain, {3: (EDIT,)}).size
    assert memory.held_bytes == size
    for _ in range(3):
        memory.decide("one", chain, {})
    assert memory.held_bytes == size, "nothing new"
    grown = links("chat", loop.step("b").messages)
    bigger = memory.decide("one", grown, {}).size
    gc.collect()
    assert memory.held_bytes == bigger > size
    memory.decide("two", chain, {})
    memory.decide("three", chain, {})
    gc.collect()
    assert memory.get("one") is None and memory.held_bytes == 2 * 3 * cost(())


def test_memory_is_bounded_over_all_sessions():
    memory = Memory(Sessions(ManualClock()).slot("compress", Known), LOTS, 4 * cost(()), quiet)
    chain = links("chat", Loop("chat").step("a").messages)
    assert not memory.decide("one", chain, {}).full
    two = memory.decide("two", chain, {})
    assert two.full and two.size == cost(())
    assert memory.held_bytes <= 4 * cost(())


def test_a_session_forgotten_in_the_middle_of_a_request_undoes_nothing():
    memory = Memory(Sessions(ManualClock()).slot("compress", Known), LOTS, LOTS, quiet)
    loop = Loop("chat").step("a")
    known = knowing(loop, {3: (EDIT,)})
    chain = links("chat", loop.step("b").messages)
    assert memory.decide("gone", chain, {5: (EDIT,)}, known).decisions(chain) == {3: (EDIT,), 5: (EDIT,)}


def test_a_session_without_a_name_is_not_kept():
    memory = Memory(Sessions(ManualClock()).slot("compress", Known), LOTS, LOTS, quiet)
    chain = links("chat", Loop("chat").step("a").messages)
    assert memory.decide("", chain, {3: (EDIT,)}).decisions(chain) == {3: (EDIT,)}
    assert memory.get("") is None and memory.held_bytes == 0


def test_conversations_that_nobody_goes_on_with_are_forgotten_before_the_room_is_full():
    def conversation(number):
        return Loop("chat").step(f"result {number}")

    active = conversation(0)
    chain = links("chat", active.messages)
    room = 20 * len(chain.of) * cost(())
    known = Known().with_decisions(chain, {3: (EDIT,)}, room)
    for number in range(1, 200):
        known = known.with_decisions(links("chat", conversation(number).messages), {}, room)
        assert known.size <= room and not known.full
        if number % 5 == 0:
            # It goes on, and so it stays.
            chain = links("chat", active.step("more").messages) if number < 20 else chain
            known = known.with_decisions(chain, {}, room)
    assert known.so_far(chain) == chain.first + len(chain.of) and known.decisions(chain) == {3: (EDIT,)}
    first = links("chat", conversation(1).messages)
    assert known.so_far(first) < first.first + len(first.of), "nobody went on with it"
    last = links("chat", conversation(199).messages)
    assert known.so_far(last) == last.first + len(last.of)
