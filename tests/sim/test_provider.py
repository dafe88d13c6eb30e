import pytest

from tailrace.sim import SimSettings, chat
from tailrace.sim.errors import Refusal
from tailrace.sim.provider import Provider, credential


class Asked:
    def __init__(self, **headers):
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


@pytest.mark.parametrize(
    ("headers", "key"),
    [
        ({}, ""),
        ({"authorization": "Bearer sk-1"}, "sk-1"),
        ({"authorization": "bearer sk-1"}, "sk-1"),
        ({"api-key": "sk-2"}, "sk-2"),
        ({"x-api-key": "sk-3"}, "sk-3"),
    ],
)
def test_credentials_of_every_dialect(headers, key):
    assert credential(headers) == key


def test_only_listed_keys_are_admitted():
    provider = Provider(SimSettings(keys=("sk-1",)))
    assert provider.admit(Asked(x_api_key="sk-1")) == "sk-1"
    for headers in ({}, {"x_api_key": "sk-2"}):
        with pytest.raises(Refusal) as caught:
            provider.admit(Asked(**headers))
        assert (caught.value.status, caught.value.code) == (401, "invalid_api_key")


def generate(settings, content="hello", key="k"):
    provider = Provider(settings)
    body = {"model": "m", "messages": [{"role": "user", "content": content}]}
    return [provider.generate(chat.read(body, provider.tokenizer), key) for _ in range(2)]


def test_answers_depend_on_the_seed_and_not_on_the_process():
    first, again = generate(SimSettings()), generate(SimSettings())
    assert first[0].choices == again[0].choices
    assert first[0].choices != generate(SimSettings(seed=1))[0].choices


def test_a_cached_prefix_makes_the_first_token_faster():
    cold, warm = generate(SimSettings(), "word " * 4000)
    assert (cold.usage.cached, warm.usage.cached) == (0, (warm.usage.prompt - 1) // 128 * 128)
    assert warm.pace.first_ms < cold.pace.first_ms / 2


def test_directives_set_the_pace():
    made, _ = generate(SimSettings(), "[[sim: delay=0 first=0]]")
    assert made.pace.instant


def test_ids_are_never_used_twice():
    provider = Provider(SimSettings())
    assert len({provider.new_id("x") for _ in range(100)} | {Provider(SimSettings()).new_id("x")}) == 101
