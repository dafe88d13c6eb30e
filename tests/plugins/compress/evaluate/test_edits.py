import pytest

from tailrace_plugins.compress.evaluate.edits import Changes, Comparison, Edit
from tailrace_plugins.compress.passes import Piece, Result

SPACED, COMPACT = '{"a": 1, "b": [1, 2]}', '{"a":1,"b":[1,2]}'
CALL = {
    "role": "assistant",
    "content": None,
    "tool_calls": [{"id": "1", "function": {"name": "look", "arguments": "{}"}}],
}


def result(text, position="1"):
    return {"role": "tool", "tool_call_id": position, "content": text}


def minified(piece, earlier=()):
    return Result(COMPACT, ("minify",), lossless=True)


def of(given, sent, redo=minified):
    return Comparison(redo, len).of(given, sent)


def test_nothing_changed():
    assert of([CALL, result(SPACED)], [CALL, result(SPACED)]) == Changes()


def test_an_edit_is_proven_by_the_passes_that_made_it():
    changes = of([CALL, result(SPACED)], [CALL, result(COMPACT)])
    piece = Piece("tool", SPACED, tool="look", arguments="{}", id=changes.edits[0].piece.id)
    edit = Edit(1, (0,), piece, COMPACT, ("minify",), True, True, (len(SPACED), len(COMPACT)))
    assert changes == Changes((edit,))


@pytest.mark.parametrize(
    ("redo", "passes", "lossless"),
    [
        (lambda *_: None, (), False),
        (lambda *_: Result("other", ("minify",), lossless=True), (), False),
        (lambda *_: Result("{}", ("minify",), lossless=True), ("minify",), True),
        (lambda *_: Result("{}", ("long_results",), lossless=False), ("long_results",), False),
    ],
)
def test_what_is_not_equal(redo, passes, lossless):
    (edit,) = of([result(SPACED)], [result("{}")], redo).edits
    assert (edit.passes, edit.lossless, edit.equal) == (passes, lossless, False)


@pytest.mark.parametrize(
    "sent",
    [
        [result(COMPACT)],
        [{**CALL, "content": "more"}, result(COMPACT)],
        [CALL, {**result(COMPACT), "name": "more"}],
        [CALL, result(COMPACT), CALL],
        [result(SPACED), CALL],
    ],
)
def test_any_other_change_is_strange(sent):
    assert of([CALL, result(SPACED)], sent).strange


def test_parts_are_told_apart():
    def parts(*texts):
        return [{"role": "tool", "content": [{"type": "text", "text": text} for text in texts]}]

    changes = of(parts("x", SPACED), parts("x", COMPACT))
    assert [(edit.index, edit.path) for edit in changes.edits] == [(0, (1,))]
    assert not changes.strange


def test_each_edit_is_proven_once():
    asked = []
    comparison = Comparison(lambda piece, earlier: asked.append(piece) or minified(piece), len)
    for _ in range(3):
        assert len(comparison.of([result(SPACED)], [result(COMPACT)]).edits) == 1
    assert len(asked) == 1
