from kept_kit import INSERTED, LOTS, chain, contents, edit, link, noted, turn

from tailrace_plugins.compress.kept.changes import Change, added
from tailrace_plugins.compress.memory import Fold, Known, Note


def test_only_what_is_new():
    first = turn(None, 4)
    second = noted(turn(first, 7), 6, Note(adopts=True))
    fresh = Change.between(first, second).fresh()
    assert list(fresh.decided) == [link("a", number) for number in (4, 5, 6)]
    assert fresh.noted == {link("a", 6): ((), Note(adopts=True))}
    assert fresh.followed == {link("a", 3), link("a", 4), link("a", 5)}
    assert not Change.between(second, second).fresh()


def test_without_before_it_is_all():
    known = noted(turn(None, 4), 3, Note(adopts=True))
    for change in (Change.between(None, known), Change.between(known, known).whole, Change.between(Known(), known)):
        fresh = change.fresh()
        assert (dict(fresh.decided), {key: note for key, (_, note) in fresh.noted.items()}, fresh.followed) == contents(
            known
        )
        assert fresh.noted[link("a", 3)][0] == (edit(3),)


def test_a_new_generation_is_not_written_again():
    most = 2 * noted(turn(None, 12), 9, Note(adopts=True)).size
    first = noted(turn(None, 10, most=most), 9, Note(adopts=True))
    second = turn(first, 8, "b", most=most)
    assert second.before is first.now and len(second.now.decided) == 8
    assert len(Change.between(first, second).fresh().decided) == 8
    third = turn(second, 12, most=most)
    assert third.before is second.now and len(third.now.decided) == 12 and third.now.noted
    fresh = Change.between(second, third).fresh()
    assert list(fresh.decided) == [link("a", 10), link("a", 11)] and not fresh.noted
    assert len(Change.between(None, third).fresh().decided) == 20


def test_notes_say_what_is_new_in_them():
    fold = Fold(0, 1, {"a": 1})
    before = Note(INSERTED, loads=("a",), fold=fold)
    after = before.with_more(Note(adopts=True, loads=("a", "b"), prepared=(1, "p")))
    assert added(before, after) == Note(adopts=True, loads=("b",), prepared=(1, "p"))
    assert added(None, after) == after
    assert added(after, after) == Note()
    assert before.with_more(added(before, after)) == after


def test_two_changes_become_one():
    a, b, c = turn(None, 2), turn(None, 4), turn(None, 6)
    b, c = turn(a, 4), turn(turn(a, 4), 6)
    c = turn(b, 6)
    one, two = Change.between(a, b), Change.between(b, c)
    assert two.goes_on_from(one) and not one.goes_on_from(two)
    assert two.behind(one).fresh() == Change.between(a, c).fresh()
    assert not Change.between(None, c).goes_on_from(one)
    assert not Change.between(a, c).goes_on_from(one), "two that begin at the same"


def test_sizes():
    first = turn(None, 100, text="x" * 1000)
    second = turn(first, 102, text="x" * 1000)
    assert Change.between(None, first).size > 50 * 1000
    assert Change.between(first, second).size < 100 * 102 + 5000
    full = turn(None, 10, most=1000)
    assert full.full and Change.between(None, full).full
    assert Known().with_decisions(chain(0), {}, LOTS) == Known()
