from kept_kit import INSERTED, chain, edit, link, noted, same, turn

from tailrace_plugins.compress.kept.joining import joined
from tailrace_plugins.compress.memory import Known, Note, cost, note_cost


def test_what_others_have_decided_is_added():
    mine, stored = turn(None, 4, text="mine"), noted(turn(None, 8, text="stored"), 7, Note(adopts=True))
    both = joined(mine, stored)
    edits = both.decisions(chain(8))
    assert [edits[number] for number in (1, 3)] == [(edit(1, "mine"),), (edit(3, "mine"),)]
    assert [edits[number] for number in (5, 7)] == [(edit(5, "stored"),), (edit(7, "stored"),)]
    assert both.notes(chain(8)) == {7: Note(adopts=True)} and both.is_followed(link("a", 6)) and not both.full
    assert both.size == sum(map(cost, both.now.decided.values())) + note_cost(Note(adopts=True))
    assert same(joined(Known(), stored), stored) and same(joined(mine, Known()), mine)


def test_notes_of_both():
    mine = noted(turn(None, 4), 3, Note(INSERTED, loads=("a",)))
    stored = noted(turn(None, 4), 3, Note(adopts=True, loads=("b",)))
    assert joined(mine, stored).notes(chain(4)) == {3: Note(INSERTED, adopts=True, loads=("b", "a"))}


def test_all_generations():
    most = 2 * turn(None, 10).size
    mine = turn(turn(None, 10, most=most), 10, "b", most=most)
    assert mine.before.decided
    both = joined(mine, turn(None, 4, "c"))
    assert all(both.so_far(chain(count, name)) == count for name, count in (("a", 10), ("b", 10), ("c", 4)))


def test_full_stays_full():
    full = turn(None, 40, most=turn(None, 10).size)
    assert joined(full, turn(None, 4, "b")) is full
    assert joined(turn(None, 4, "b"), full).full
