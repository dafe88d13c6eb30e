import pytest
from pydantic import ValidationError

from tailrace.wire.endpoints import EndpointKind
from tailrace_plugins.exact_cache.settings import ExactCacheSettings

CHAT, EMBEDDINGS = EndpointKind.CHAT, EndpointKind.EMBEDDINGS


def read(**given):
    return ExactCacheSettings.model_validate(given)


def test_the_defaults_change_no_answer():
    made = read()
    assert (made.when, made.ttl, made.single_flight, made.disk, made.redis) == (
        "deterministic",
        3600.0,
        True,
        True,
        None,
    )


def test_how_long_an_answer_is_served():
    made = read(ttl="1h", ttl_by_endpoint={"embeddings": "7d"}, ttl_by_model={"gpt-4o-*": "10s", "gpt-*": "5m"})
    assert made.ttl_for(CHAT, "claude") == 3600
    assert made.ttl_for(EMBEDDINGS, "text-embedding-3-small") == 7 * 86400
    assert made.ttl_for(CHAT, "gpt-4o-mini") == 10 and made.ttl_for(CHAT, "gpt-4o") == 300
    assert made.ttl_for(EMBEDDINGS, "gpt-4o") == 300, "the model before the endpoint"
    assert made.ttl_for(CHAT, "GPT-4o") == 3600


@pytest.mark.parametrize(
    "wrong",
    [
        {"when": "always"},
        {"ttl": -1},
        {"ttl_by_endpoint": {"models": 5}},
        {"disk_bytes": 0},
        {"max_answer_bytes": 0},
        {"memory_bytes": -1},
        {"unknown": 1},
    ],
)
def test_what_is_wrong(wrong):
    with pytest.raises(ValidationError):
        read(**wrong)


def test_the_address_of_redis_is_not_shown():
    made = read(redis="redis://:s3cret@h:1/0")
    assert "s3cret" not in repr(made) and "s3cret" not in made.model_dump_json()
