import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace.wire.usage import Usage
from tailrace_plugins.compress.evaluate.provider import Provider, Rules, prompt

RULES = Rules(block=10, least=20)


def user(text):
    return {"role": "user", "content": text}


def asked(*texts, tools=()):
    return {"messages": [user(text) for text in texts], "tools": list(tools)}


def provider(rules=RULES):
    return Provider(rules, len)


# A message is 4 tokens, "user", a line end, and its text: 9 and its letters.


def test_the_first_prompt_is_written_in_whole_blocks():
    assert provider().bill(asked("x" * 26)) == Usage(35, 0, 0, 30)


def test_what_was_seen_before_is_read_and_the_rest_written():
    one = provider()
    one.bill(asked("x" * 26))
    assert one.bill(asked("x" * 26, "y" * 11)) == Usage(55, 0, 30, 20)
    assert one.bill(asked("x" * 26, "y" * 11, "z" * 5)) == Usage(69, 0, 50, 10)


def test_the_last_token_is_always_computed():
    one = provider()
    one.bill(asked("x" * 31))
    assert one.bill(asked("x" * 31)) == Usage(40, 0, 30, 10)


def test_short_prompts_are_not_kept():
    one = provider()
    assert [one.bill(asked("x" * 10)) for _ in range(2)] == [Usage(19, 0), Usage(19, 0)]
    one.bill(asked("", "y" * 15))
    # 18 tokens in common: a message, and the beginning of the next.
    assert one.bill(asked("", "z" * 15)) == Usage(33, 0, 0, 30)


def test_a_message_that_changed_is_read_up_to_where_it_changed():
    one = provider()
    one.bill(asked("x" * 50, "tail"))
    assert one.bill(asked("x" * 30 + "changed", "tail")) == Usage(59, 0, 30, 20)


def test_every_earlier_prompt_counts_not_only_the_last():
    one = provider()
    one.bill(asked("x" * 26, "y" * 11))
    one.bill(asked("other" * 10))
    assert one.bill(asked("x" * 26, "y" * 11, "z")).cache_read_tokens == 50


def test_tools_stand_before_the_messages():
    one = provider()
    one.bill(asked("x" * 26, tools=[{"name": "a"}]))
    assert one.bill(asked("x" * 26, tools=[{"name": "b"}])).cache_read_tokens == 0
    assert [text[:4] for text in prompt(asked("x", tools=[{"name": "a"}]))] == ['{"na', "user"]


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ({"role": "assistant", "content": None}, "assistant"),
        ({"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}, "user\na\nb"),
        (
            {
                "role": "assistant",
                "content": "x",
                "tool_calls": [{"id": "1", "function": {"name": "n", "arguments": "{}"}}],
            },
            "assistant\nx\nn {}",
        ),
    ],
)
def test_what_a_message_is_to_the_model(message, text):
    assert list(prompt({"messages": [message]})) == [text]


def test_an_image_is_as_good_as_its_bytes():
    def image(url):
        return {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}]}

    one, other = ("data:" + letter * 100_000 for letter in "ab")
    assert list(prompt(image(one))) != list(prompt(image(other)))
    assert len(next(prompt(image(one)))) < 50


@given(st.lists(st.lists(st.text("ab", max_size=30), max_size=6), max_size=8), st.integers(1, 40), st.integers(0, 60))
def test_a_bill_adds_up(prompts, block, least):
    one = provider(Rules(block, least))
    for texts in prompts:
        usage = one.bill(asked(*texts))
        assert usage.input_tokens == sum(9 + len(text) for text in texts)
        assert usage.cache_read_tokens % block == 0
        assert usage.cache_read_tokens + usage.cache_write_tokens <= usage.input_tokens
        assert not usage.cache_read_tokens or usage.cache_read_tokens >= least
        again = one.bill(asked(*texts, "more"))
        whole = usage.input_tokens // block * block
        assert again.cache_read_tokens >= (whole if whole >= least else 0)
