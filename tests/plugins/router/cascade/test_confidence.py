import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace_plugins.router.cascade.confidence import REASONS, Wanted, judge, token_probability
from tailrace_plugins.router.cascade.reading import Answer, Call

JSON = Wanted(output="json")
SCHEMA = Wanted(output="json_schema", schema={"type": "object", "required": ["a"]})
TOOLS = Wanted(tools=frozenset({"look"}))
LN9 = -0.10536051565782628  # ln 0.9


@pytest.mark.parametrize(
    ("answer", "wanted", "value", "reasons"),
    [
        (Answer("Paris.", finish="stop"), Wanted(), 0.8, ("nothing-known",)),
        (Answer("Paris.", logprobs=(LN9, LN9)), Wanted(), 0.9, ()),
        (Answer("Paris.", logprobs=(LN9, 2 * LN9, 6 * LN9)), Wanted(), 0.729, ("unlikely",)),
        (Answer("I think Paris.", logprobs=(LN9,)), Wanted(), 0.81, ("hedged",)),
        (Answer("I don't know.", logprobs=(LN9,)), Wanted(), 0.45, ("unsure",)),
        (Answer("I'm sorry, but I can't help.", logprobs=(LN9,)), Wanted(), 0.09, ("refusal",)),
        (Answer("I don't know where, so I will look."), TOOLS, 0.8, ("nothing-known",)),
        (Answer("Cut", finish="length", logprobs=(LN9,)), Wanted(), 0.45, ("cut-short",)),
        (Answer("Cut", finish="length", logprobs=(LN9,)), Wanted(own_limit=True), 0.9, ()),
        (Answer(" \n"), Wanted(), 0, ("empty",)),
        (Answer(broken=True), Wanted(), 0, ("broken",)),
        (Answer("No.", refused=True), Wanted(), 0, ("refusal",)),
        (Answer('{"a": 1}'), JSON, 0.8, ("nothing-known",)),
        (Answer('{"a": "I think"}'), JSON, 0.8, ("nothing-known",)),
        (Answer('```json\n{"a": 1}\n```'), JSON, 0, ("bad-json",)),
        (Answer('{"a": 1', finish="length"), JSON, 0, ("bad-json",)),
        (Answer("[1]"), JSON, 0, ("bad-json",)),
        (Answer("[" * 500), JSON, 0, ("bad-json",)),
        (Answer('{"a": 1}'), SCHEMA, 0.8, ("nothing-known",)),
        (Answer('{"b": 1}'), SCHEMA, 0, ("off-schema",)),
        (Answer(calls=(Call("look", '{"a": 1}'),)), TOOLS, 0.8, ("nothing-known",)),
        (Answer(calls=(Call("look", ""),)), TOOLS, 0.8, ("nothing-known",)),
        (Answer(calls=(Call("look", "free", is_json=False),)), TOOLS, 0.8, ("nothing-known",)),
        (Answer(calls=(Call("fly", "{}"),)), TOOLS, 0, ("unknown-tool",)),
        (Answer(calls=(Call("look", "{"),)), TOOLS, 0, ("bad-arguments",)),
        (Answer(calls=(Call("look", "[]"),)), TOOLS, 0, ("bad-arguments",)),
        (Answer("I would."), Wanted(tools=frozenset({"look"}), must_call=True), 0, ("no-call",)),
    ],
)
def test_whole_answers(answer, wanted, value, reasons):
    found = judge(answer, wanted)
    assert (found.value, found.reasons) == (pytest.approx(value), reasons)
    assert set(found.reasons) <= set(REASONS)


@pytest.mark.parametrize(
    ("answer", "wanted", "value"),
    [
        (Answer(""), Wanted(), 0.8),
        (Answer('{"a": '), JSON, 0.8),
        (Answer("Sure! Here"), JSON, 0),
        (Answer(calls=(Call("look", '{"a"'),)), TOOLS, 0.8),
        (Answer(calls=(Call("fly", ""),)), TOOLS, 0),
        (Answer("I would"), Wanted(tools=frozenset({"look"}), must_call=True), 0.8),
        (Answer("I'm sorry, but I can't"), Wanted(), 0.08),
    ],
)
def test_a_beginning_is_judged_by_what_it_can_tell(answer, wanted, value):
    assert judge(answer, wanted, is_whole=False).value == pytest.approx(value)


def test_samples_count_as_much_as_the_tokens():
    answer = Answer("Paris", logprobs=(LN9,))
    assert judge(answer, Wanted(), [Answer("Paris")]).value == pytest.approx(0.9**0.5)
    found = judge(answer, Wanted(), [Answer("Paris"), Answer("London")])
    assert found.value == pytest.approx((0.9 * 0.5) ** 0.5) and found.reasons == ("samples-differ",)
    assert judge(Answer("Paris"), Wanted(), [Answer("London")]).value == 0


FLOATS = st.floats(allow_nan=False)


@given(st.text(), st.lists(FLOATS), st.sampled_from(["", "stop", "length", "other"]), st.booleans())
def test_always_between_0_and_1(text, logprobs, finish, is_whole):
    for wanted in (Wanted(), JSON, SCHEMA, TOOLS):
        found = judge(Answer(text, finish=finish, logprobs=tuple(logprobs)), wanted, is_whole=is_whole)
        assert 0 <= found.value <= 1 and set(found.reasons) <= set(REASONS)


@given(
    st.lists(FLOATS, min_size=1), FLOATS, st.integers(0), st.sampled_from(["Paris.", "I think so.", "I don't know."])
)
def test_never_lower_for_a_higher_log_probability(logprobs, other, place, text):
    place %= len(logprobs)
    raised = [*logprobs]
    raised[place] = max(other, logprobs[place])
    before = judge(Answer(text, logprobs=tuple(logprobs)), Wanted()).value
    assert judge(Answer(text, logprobs=tuple(raised)), Wanted()).value >= before


def test_one_impossible_token_does_not_decide_over_hundreds():
    assert token_probability([-9999.0] + [-0.01] * 400) > 0.9
    assert token_probability([]) == 1
