import gc

import pytest
from compress_kit import Loop

from tailrace.sessions import Sessions
from tailrace.testing import ManualClock
from tailrace_plugins.compress.chain import Edit, links
from tailrace_plugins.compress.hidden.nouns import Inserted
from tailrace_plugins.compress.memory import Fold, Known, Memory, Note, cost, note_cost

EDIT = Edit((0,), "short", 100, 10, ("minify",))
LOTS = 1 << 30
ROUND = Inserted(({"role": "assistant", "content": "x" * 100},))
FOLD = Fold(0, 2, {"role": "user", "content": "In short."}, 50)


def quiet(session, before, after):
    assert session and after is not before


def chain_of(loop):
    return links(loop.shape, loop.messages)


def knowing(loop, made=None, most=LOTS):
    return Known().with_decisions(chain_of(loop), made or {}, most)


def test_of_two_notes_the_later_holds_and_loads_add_up():
    one = Note(ROUND, "lazy", False, ("a", "b"), FOLD, (0, "old"))
    assert one.with_more(Note()) == one == Note().with_more(one)
    later = Note(Inserted(({"role": "tool"},)), "trimmed", True, ("b", "c"), Fold(0, 4, {}), (0, "new"))
    both = Note(later.inserted, "lazy", True, ("a", "b", "c"), later.fold, (0, "new"))
    assert one.with_more(later) == both, "but the tools keep their first form"


def test_an_answer_that_somebody_went_on_with_keeps_what_was_inserted():
    loop = Loop("chat").step("a")
    link, other = chain_of(loop).of[-1], Inserted(({"role": "assistant", "content": "another"},))
    known = knowing(loop).with_note(link, Note(ROUND), LOTS)
    assert known.with_note(link, Note(other), LOTS).notes(chain_of(loop)) == {3: Note(other)}
    known = known.with_decisions(chain_of(loop.step("b")), {}, LOTS)
    kept = known.with_note(link, Note(other, adopts=True), LOTS)
    assert kept.notes(chain_of(loop)) == {3: Note(ROUND, adopts=True)}


def test_an_insertion_of_nothing_hides_none():
    assert Note(ROUND).with_more(Note(Inserted())).inserted is ROUND


def test_a_note_is_found_by_its_message():
    loop = Loop("chat").step("a")
    link = chain_of(loop).of[-1]
    known = knowing(loop)
    assert known.notes(chain_of(loop)) == {}
    noted = known.with_note(link, Note(adopts=True), LOTS)
    assert noted.notes(chain_of(loop)) == {3: Note(adopts=True)}
    assert known.notes(chain_of(loop)) == {}, "the older one is as it was"
    more = noted.with_note(link, Note(loads=("x",)), LOTS)
    assert more.notes(chain_of(loop)) == {3: Note(adopts=True, loads=("x",))}
    assert more.notes(chain_of(loop.step("b"))) == {3: Note(adopts=True, loads=("x",))}
    assert more.notes(chain_of(Loop("chat").step("other"))) == {}, "another way has none of it"


def test_a_note_takes_room_once():
    loop = Loop("chat").step("a")
    link, known = chain_of(loop).of[-1], knowing(loop)
    one = known.with_note(link, Note(ROUND), LOTS)
    assert one.size == known.size + note_cost(Note(ROUND))
    assert one.with_note(link, Note(ROUND), LOTS).size == one.size
    two = one.with_note(link, Note(fold=FOLD), LOTS)
    assert two.size == known.size + note_cost(Note(ROUND, fold=FOLD))


def test_what_is_not_known_cannot_be_noted():
    loop = Loop("chat").step("a")
    known = knowing(Loop("chat"))
    assert known.with_note(chain_of(loop).of[-1], Note(adopts=True), LOTS) is known


def test_without_room_nothing_is_noted():
    loop = Loop("chat").step("a")
    link, known = chain_of(loop).of[-1], knowing(loop)
    least = known.size + note_cost(Note(ROUND))
    assert known.with_note(link, Note(ROUND), least - 1) is known
    assert known.with_note(link, Note(ROUND), least).notes(chain_of(loop)) == {3: Note(ROUND)}
    full = knowing(loop, {3: (EDIT,)}, 2 * cost(()) + 1)
    assert full.full and full.with_note(chain_of(loop).of[0], Note(adopts=True), LOTS) is full


def test_notes_are_carried_into_a_new_generation():
    loop = Loop("chat").step("a")
    known = knowing(loop).with_note(chain_of(loop).of[-1], Note(ROUND, loads=("x",)), LOTS)
    loop.step("b")
    room = 2 * (5 * cost(()) + note_cost(Note(ROUND, loads=("x",))))
    first = Known().with_decisions(chain_of(Loop("chat").step("elsewhere")), {}, room)
    crowded = Known(now=known.now, before=first.now)
    # Half of the room holds either what is there or all of the conversation, not both.
    other = Loop("chat", messages=[{"role": "user", "content": "else"}])
    crowded = crowded.with_decisions(chain_of(other.step("c")), {}, room)
    grown = crowded.with_decisions(chain_of(loop), {}, room)
    assert grown.before is crowded.now and grown.before is not crowded.before
    assert grown.notes(chain_of(loop)) == {3: Note(ROUND, loads=("x",))}
    assert grown.now.noted and grown.now.size == 5 * cost(()) + note_cost(Note(ROUND, loads=("x",)))
    # The generation before is forgotten next, and the note is still there.
    assert Known(grown.now).notes(chain_of(loop)) == {3: Note(ROUND, loads=("x",))}


def test_a_note_from_before_is_kept_with_what_is_added():
    loop = Loop("chat").step("a")
    link = chain_of(loop).of[-1]
    old = knowing(loop).with_note(link, Note(adopts=True), LOTS)
    known = Known(before=old.now).with_note(link, Note(fold=FOLD), LOTS)
    assert known.notes(chain_of(loop)) == {3: Note(adopts=True, fold=FOLD)}
    assert known.now.noted and known.now.size == note_cost(Note(adopts=True, fold=FOLD))


def test_a_note_from_before_goes_on_with_its_conversation():
    loop = Loop("chat").step("a")
    old = knowing(loop).with_note(chain_of(loop).of[-1], Note(ROUND), LOTS)
    loop.step("b")
    now = Known(before=old.now).with_decisions(chain_of(loop), {}, LOTS).now
    assert Known(now).notes(chain_of(loop)) == {3: Note(ROUND)}
    assert now.size == 5 * cost(()) + note_cost(Note(ROUND))


def test_a_full_session_keeps_the_notes_that_had_room():
    loop = Loop("chat").step("a")
    note = Note(ROUND)
    known = knowing(loop).with_note(chain_of(loop).of[-1], note, LOTS)
    for step in range(20):
        loop.step(f"more {step}")
    room = 10 * cost(()) + note_cost(note)
    full = known.with_decisions(chain_of(loop), {}, room)
    assert full.full and full.size <= room
    assert full.notes(chain_of(loop)) == {3: note}
    tight = known.with_decisions(chain_of(loop), {}, 4 * cost(()))
    assert tight.full and tight.notes(chain_of(loop)) == {} and tight.so_far(chain_of(loop)) == 3


@pytest.mark.parametrize(
    "note",
    [
        Note(ROUND),
        Note(Inserted((), ({"id": "c" * 100},), ({"role": "tool", "content": "y" * 100},))),
        Note(loads=("a", "b")),
        Note(fold=FOLD),
        Note(fold=Fold(0, 2, {}, 0, {1: (EDIT,)})),
        Note(prepared=(0, "words " * 20)),
    ],
)
def test_what_a_note_holds_is_counted(note):
    bare = note_cost(Note(adopts=True))
    assert note_cost(note) > bare > 0
    whole = Note(ROUND, "lazy", True, ("a",), FOLD, (0, "w"))
    assert note_cost(whole) > note_cost(Note(ROUND)) + note_cost(Note(fold=FOLD)) - bare


def test_what_can_be_asked_for_is_counted():
    asked = Edit((0,), "short", 100, 10, ("long_results",), "k1", "w" * 5_000)
    assert cost((asked,)) >= cost((EDIT,)) + 5_000


def test_notes_in_the_memory_of_all_sessions():
    memory = Memory(Sessions(ManualClock()).slot("compress", Known), LOTS, LOTS, quiet)
    loop = Loop("chat").step("a")
    chain = chain_of(loop)
    assert not memory.note("one", chain.of[-1], Note(adopts=True))
    assert memory.get("one") is None, "of a session that is not known nothing is kept"
    size = memory.decide("one", chain, {}).size
    assert memory.note("one", chain.of[-1], Note(ROUND))
    gc.collect()
    assert memory.get("one").notes(chain) == {3: Note(ROUND)}
    assert memory.held_bytes == memory.get("one").size == size + note_cost(Note(ROUND))
    memory.note("", chain.of[-1], Note(adopts=True))
    assert memory.get("") is None


def test_notes_stop_where_the_memory_of_all_sessions_is_full():
    memory = Memory(Sessions(ManualClock()).slot("compress", Known), LOTS, 8 * cost(()), quiet)
    loop = Loop("chat").step("a")
    memory.decide("one", chain_of(loop), {})
    assert not memory.note("one", chain_of(loop).of[-1], Note(Inserted(({"content": "x" * 2_000},))))
    gc.collect()
    assert memory.get("one").notes(chain_of(loop)) == {} and memory.held_bytes == 3 * cost(())


@pytest.mark.parametrize(("session_bytes", "memory_bytes"), [(100_000, LOTS), (LOTS, 100_000)])
def test_whether_there_is_room_for_what_is_to_come(session_bytes, memory_bytes):
    memory = Memory(Sessions(ManualClock()).slot("compress", Known), session_bytes, memory_bytes, quiet)
    loop = Loop("chat").step("a")
    assert memory.has_room(None)
    known = memory.decide("one", chain_of(loop), {3: (EDIT,)})
    assert memory.has_room(known)
    large = Edit((0,), "x" * 40_000, 100, 10, ("minify",))
    assert not memory.has_room(memory.decide("one", chain_of(loop.step("b")), {5: (large,)}, known))
    assert not memory.has_room(Known(full=True))
