import pytest

from tailrace.sim.ask import Turn, assemble, flat, strings, whole
from tailrace.sim.errors import Refusal
from tailrace.sim.tokens import Tokenizer


def turns(*roles):
    return [Turn(role, f"{role} {at}", f"{role} {at}") for at, role in enumerate(roles)]


@pytest.mark.parametrize(
    ("roles", "rounds", "results"),
    [
        (("user",), 0, 0),
        (("user", "assistant", "tool"), 1, 1),
        (("user", "assistant", "tool", "tool", "assistant", "tool"), 2, 3),
        (("user", "assistant", "tool", "note", "assistant", "tool"), 2, 2),
        (("user", "assistant", "tool", "note", "tool"), 1, 2),
        (("user", "assistant", "tool", "user"), 0, 0),
        (("user", "assistant", "assistant", "tool", "tool"), 1, 2),
    ],
)
def test_rounds_are_counted_since_the_user_spoke(roles, rounds, results):
    made = assemble(Tokenizer(), "m", (), turns(*roles))
    assert (made.rounds_done, len(made.results)) == (rounds, results)


def test_the_prompt_is_tools_then_messages():
    made = assemble(Tokenizer(), "m", ["tool"], turns("system", "user"))
    assert [segment.text for segment in made.segments] == ["tool", "system 0", "user 1"]
    assert made.question == "user 1"
    assert made.prompt_tokens == sum(segment.count for segment in made.segments)


@pytest.mark.parametrize(
    ("content", "text"),
    [(None, ""), ("a", "a"), ([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}], "a\nb"), ([], "")],
)
def test_flat(content, text):
    assert flat(content) == text


def test_a_picture_counts_the_same_each_time_and_not_by_its_bytes():
    small, large = ([{"type": "image_url", "image_url": {"url": "data:" + "x" * n}}] for n in (10, 100_000))
    assert flat(small) == flat(small) != flat(large)
    assert len(flat(large)) < 1000


@pytest.mark.parametrize("content", [7, [7], {"a": 1}])
def test_flat_refuses(content):
    with pytest.raises(Refusal):
        flat(content)


@pytest.mark.parametrize("value", [0, -1, True, 1.5, "3", 1000])
def test_whole_refuses(value):
    with pytest.raises(Refusal) as caught:
        whole({"n": value}, "n", 1, 128)
    assert (caught.value.status, caught.value.param) == (400, "n")


def test_strings():
    assert strings("a", "stop") == ("a",)
    assert strings(["a", ""], "stop") == ("a",)
    with pytest.raises(Refusal):
        strings([1], "stop")
