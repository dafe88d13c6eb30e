import orjson
import pytest

from tailrace.sim import completions
from tailrace.sim.chat import Head
from tailrace.sim.errors import Refusal
from tailrace.sim.plan import Choice, Usage
from tailrace.sim.tokens import Tokenizer

HEAD = Head("cmpl-sim-1", "m", 1)


@pytest.mark.parametrize("prompt", ["a", ["a", "b"], [1, 2]])
def test_prompts_of_any_form(prompt):
    assert completions.read({"model": "m", "prompt": prompt}, Tokenizer()).prompt_tokens > 0


def test_a_prompt_of_no_form_is_refused():
    with pytest.raises(Refusal):
        completions.read({"model": "m", "prompt": {"a": 1}}, Tokenizer())


def test_whole_and_streamed_say_the_same():
    choice, usage = Choice(("one", " two")), Usage(1, 0, 2)
    whole = completions.written(HEAD, [choice], usage, 1)
    steps = list(completions.chunks(HEAD, [choice], usage, None))
    parsed = [orjson.loads(step.data.removeprefix(b"data: ")) for step in steps[:-1]]
    assert "".join(c["text"] for chunk in parsed for c in chunk["choices"]) == whole["choices"][0]["text"] == "one two"
    assert parsed[-1]["usage"] == whole["usage"]
    assert whole["choices"][0]["logprobs"]["text_offset"] == [0, 3]
