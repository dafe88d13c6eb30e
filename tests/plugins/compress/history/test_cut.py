import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace.wire.tools import groups
from tailrace_plugins.compress.history.cut import Cut, plan_cut

SHAPES = ("chat", "responses", "messages")
MARK = {"cache_control": {"type": "ephemeral"}}


def user(shape, text="more"):
    return {"role": "user", "content": text if shape != "messages" else [{"type": "text", "text": text}]}


def answer(shape, ids, text="well"):
    """What one answer of the model looks like, with these calls, and their results."""
    if shape == "chat":
        calls = [{"id": i, "type": "function", "function": {"name": "do", "arguments": "{}"}} for i in ids]
        return [
            {"role": "assistant", "content": text, **({"tool_calls": calls} if calls else {})},
            *({"role": "tool", "tool_call_id": i, "content": "done"} for i in ids),
        ]
    if shape == "responses":
        return [
            {"type": "reasoning", "id": "rs", "summary": []},
            {"type": "message", "role": "assistant", "content": text},
            *({"type": "function_call", "call_id": i, "name": "do", "arguments": "{}"} for i in ids),
            *({"type": "function_call_output", "call_id": i, "output": "done"} for i in ids),
        ]
    blocks = [{"type": "text", "text": text}, *({"type": "tool_use", "id": i, "name": "do", "input": {}} for i in ids)]
    results = [{"type": "tool_result", "tool_use_id": i, "content": "done"} for i in ids]
    return [{"role": "assistant", "content": blocks}, *([{"role": "user", "content": results}] if ids else [])]


def history(shape, turns, system=1):
    """A conversation: each turn is a number of calls, none where the user speaks next."""
    messages = [{"role": "system", "content": "rules"}] * (system if shape != "messages" else 0) + [user(shape, "task")]
    for number, calls in enumerate(turns):
        messages += answer(shape, [f"call_{number}_{at}" for at in range(calls)])
        if not calls:
            messages.append(user(shape))
    return messages


def plan(shape, messages, above=10, target=6, keep_turns=2):
    return plan_cut(shape, messages, above=above, target=target, keep_turns=keep_turns)


def is_model(message):
    return message.get("role") == "assistant" or message.get("type") in ("reasoning", "function_call")


def is_result(message):
    return (
        message.get("role") == "tool"
        or message.get("type") == "function_call_output"
        or (isinstance(message.get("content"), list) and message["content"][0].get("type") == "tool_result")
    )


def test_a_chat_is_cut_to_its_target():
    messages = history("chat", [1] * 10)  # system, task, and ten times call and result
    cut = plan("chat", messages, above=20, target=10, keep_turns=2)
    assert cut == Cut(2, 14) and cut.removed == 12
    assert len(messages) - 1 - cut.removed + 1 == 10, "with the summary, without the system message"
    assert (
        plan("chat", messages, above=20, target=11).end == 14 and plan("chat", messages, above=20, target=12).end == 12
    )


@pytest.mark.parametrize("shape", SHAPES)
def test_none_up_to_the_limit(shape):
    messages = history(shape, [1] * 10, system=0)
    assert plan(shape, messages, above=len(messages)) is None
    assert plan(shape, messages, above=len(messages) - 1) is not None
    assert plan(shape, messages, target=len(messages)) is None


def test_no_messages_in_a_form_that_is_known():
    assert plan("completions", history("chat", [1] * 20)) is None
    assert plan("chat", []) is None
    assert plan("chat", [None, 3, "x"] * 10) is None


@pytest.mark.parametrize("shape", SHAPES)
@given(turns=st.lists(st.integers(0, 3), max_size=30), target=st.integers(2, 20), keep=st.integers(0, 5))
def test_what_is_promised(shape, turns, target, keep):
    messages = history(shape, turns)
    cut = plan(shape, messages, target + 4, target, keep)
    if cut is None:
        return
    first = next(index for index, message in enumerate(messages) if message.get("role") == "user")
    assert cut.start > first, "the task stays"
    kept = messages[cut.end :]
    assert is_model(kept[0]) or (kept[0]["role"] == "user" and not is_result(kept[0]))
    assert not is_model(messages[cut.end - 1]) or not is_model(kept[0]), "an answer is cut in two"
    assert all(unit.stop <= cut.end or unit.start >= cut.end for unit in groups(messages)), "a pair is cut in two"
    assert all(unit.stop <= cut.start or unit.start >= cut.start for unit in groups(messages))
    starts = [i for i, message in enumerate(messages) if is_model(message) and not is_model(messages[i - 1])]
    assert cut.end <= starts[-max(1, keep)], "the last turns stay"
    assert cut.removed >= 2
    body = len(messages) - (shape != "messages")
    last = starts[-max(1, keep)]
    assert body - cut.removed + 1 <= target or not any(cut.end < end <= last for end in starts), "too little was cut"
    without_last = [end for end in starts if cut.start < end < cut.end]
    assert not without_last or body - (without_last[-1] - cut.start) + 1 > target, "more was cut than needed"


@pytest.mark.parametrize("shape", SHAPES)
def test_the_last_turns_stay_whatever_the_target(shape):
    messages = history(shape, [1] * 12)
    size = 4 if shape == "responses" else 2
    for keep in (1, 4, 8):
        cut = plan(shape, messages, target=2, keep_turns=keep)
        assert cut.end == len(messages) - keep * size


def test_parallel_calls_stay_with_all_their_results():
    messages = history("chat", [3, 3, 3, 3])
    assert plan("chat", messages, target=8).end == 10, "not 7, which would leave one too many"


def test_a_result_that_comes_late_stays_with_its_call():
    late = history("chat", [1] * 10)
    early = late.pop(13)  # a result, behind two more answers
    late.insert(16, early)
    assert plan("chat", late, target=12) == Cut(2, 12)
    assert plan("chat", late, target=11) == Cut(2, 18), "not 13 or 15"


def test_what_the_user_says_before_the_first_answer_is_the_task():
    messages = [user("chat", "about me"), user("chat", "task"), *history("chat", [1] * 10, system=0)[1:]]
    assert plan("chat", messages).start == 2


def test_a_greeting_of_the_model_stays_in_front():
    messages = [*answer("chat", []), *history("chat", [1] * 10, system=0)]
    assert plan("chat", messages).start == 2


@pytest.mark.parametrize("shape", SHAPES)
def test_a_history_that_begins_with_answers(shape):
    messages = [*history(shape, [1] * 10, system=0)[1:], user(shape, "task"), *answer(shape, ["z"])]
    cut = plan(shape, messages)
    assert cut.start == 0 and messages[cut.end :][-len(answer(shape, ["z"])) - 1] == user(shape, "task")


def test_orphaned_results_never_come_first():
    orphans = [{"role": "tool", "tool_call_id": "gone", "content": "x"}] * 3
    messages = history("chat", [1] * 10)
    for at in range(2, len(messages) + 1, 2):
        cut = plan("chat", [*messages[:at], *orphans, *messages[at:]], keep_turns=1)
        assert (messages[:at] + orphans + messages[at:])[cut.end]["role"] == "assistant"


def test_a_prefilled_answer_is_no_turn():
    messages = history("messages", [1] * 10)
    cut = plan("messages", messages, target=2, keep_turns=2)
    prefilled = [*messages, user("messages"), {"role": "assistant", "content": "{"}]
    assert plan("messages", prefilled, target=2, keep_turns=2) == cut


def marked(message, inner=False):
    block = dict(message["content"][0])
    if inner:
        block["content"] = [{"type": "text", "text": "done", **MARK}]
    else:
        block |= MARK
    return {**message, "content": [block]}


@pytest.mark.parametrize("inner", [False, True])
def test_an_old_mark_pins_all_before_it(inner):
    messages = history("messages", [1] * 12)
    assert plan("messages", messages, keep_turns=1).start == 1
    messages[4] = marked(messages[4], inner)  # the second result
    cut = plan("messages", messages, keep_turns=1)
    assert cut == Cut(5, 23), "all there is"
    messages[20] = marked(messages[20], inner)
    assert plan("messages", messages, keep_turns=1) is None, "all but the last two turns is pinned"


def test_marks_that_move_pin_nothing():
    messages = history("messages", [1] * 12)
    free = plan("messages", messages)
    messages[-1], messages[-3] = marked(messages[-1]), marked(messages[-3])
    assert plan("messages", messages) == free
    messages[-5] = marked(messages[-5])
    assert plan("messages", messages) is None


def test_a_mark_on_the_task_pins_no_more_than_it():
    messages = history("messages", [1] * 12)
    free = plan("messages", messages)
    messages[0] = marked(messages[0])
    assert plan("messages", messages) == free


@pytest.mark.parametrize("opaque", [{"type": "item_reference", "id": "x"}, {"type": "compaction", "id": "x"}])
def test_what_is_kept_at_the_provider_cannot_be_summed_up(opaque):
    messages = history("responses", [1] * 8)
    assert plan("responses", [*messages[:6], opaque, *messages[6:]]).start == 7
    assert plan("responses", [*messages, opaque]) is None


def test_anthropics_compaction_is_opaque_too():
    messages = history("messages", [1] * 12)
    messages[3]["content"].insert(0, {"type": "compaction", "content": "…"})
    assert plan("messages", messages).start == 5


def test_a_cut_that_takes_out_too_little_waits():
    messages = history("chat", [1] * 3 + [8] * 4)
    assert plan("chat", messages, target=5, keep_turns=4) is None, "6 of 39 messages"
    assert plan("chat", messages, target=20, keep_turns=4) == Cut(2, 8)
