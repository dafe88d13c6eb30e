import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace.wire import usage
from tailrace.wire.usage import Usage


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        pytest.param({"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}, Usage(9, 4), id="chat"),
        pytest.param(
            {
                "prompt_tokens": 90,
                "completion_tokens": 40,
                "prompt_tokens_details": {"cached_tokens": 64, "cache_write_tokens": 8, "audio_tokens": 0},
                "completion_tokens_details": {"reasoning_tokens": 30},
            },
            Usage(90, 40, 64, 8, 30),
            id="chat with details",
        ),
        pytest.param({"prompt_tokens": 8, "total_tokens": 8}, Usage(8, 0), id="embeddings"),
        pytest.param(
            {
                "input_tokens": 20,
                "input_tokens_details": {"cached_tokens": 16},
                "output_tokens": 8,
                "output_tokens_details": {"reasoning_tokens": 3},
                "total_tokens": 28,
            },
            Usage(20, 8, 16, 0, 3),
            id="responses",
        ),
        pytest.param(
            {"input_tokens": 20, "output_tokens": 8, "output_tokens_details": {"reasoning_tokens": 3}},
            Usage(20, 8, 0, 0, 3),
            id="responses without input details",
        ),
        pytest.param(
            {
                "input_tokens": 10,
                "output_tokens": 5,
                "cache_read_input_tokens": 100,
                "cache_creation_input_tokens": 20,
                "output_tokens_details": {"thinking_tokens": 2},
            },
            Usage(130, 5, 100, 20, 2),
            id="anthropic: cached tokens are not in input_tokens",
        ),
        pytest.param(
            {
                "input_tokens": 10,
                "output_tokens": 5,
                "cache_creation": {"ephemeral_5m_input_tokens": 7, "ephemeral_1h_input_tokens": 3},
            },
            Usage(20, 5, 0, 10),
            id="anthropic: writes by lifetime only",
        ),
        pytest.param(
            {
                "input_tokens": 30,
                "output_tokens": 5,
                "cache_read_input_tokens": 0,
                "iterations": [
                    {"type": "compaction", "input_tokens": 5000, "output_tokens": 200, "cache_read_input_tokens": 100},
                    {"type": "message", "input_tokens": 30, "output_tokens": 5},
                    {"type": "advisor_message", "input_tokens": 9999, "output_tokens": 9999},
                    "junk",
                ],
            },
            Usage(5130, 205, 100),
            id="anthropic: compaction is billed on top",
        ),
        pytest.param({"input_tokens": 10, "output_tokens": 5}, Usage(10, 5), id="anthropic or responses, plain"),
        pytest.param({"output_tokens": 227}, Usage(0, 227), id="anthropic message_delta"),
        pytest.param(
            {"prompt_tokens": 339, "completion_tokens": 83, "prompt_cache_hit_tokens": 320},
            Usage(339, 83, 320),
            id="deepseek",
        ),
        pytest.param(
            {"prompt_tokens": 30, "completion_tokens": 8, "cached_tokens": 20}, Usage(30, 8, 20), id="moonshot"
        ),
        pytest.param(
            {
                "prompt_tokens": 307,
                "completion_tokens": 26,
                "total_tokens": 560,
                "completion_tokens_details": {"reasoning_tokens": 227},
            },
            Usage(307, 253, 0, 0, 227),
            id="xai: reasoning beside the completion",
        ),
        pytest.param(
            {
                "prompt_tokens": 10,
                "completion_tokens": 30,
                "total_tokens": 60,
                "completion_tokens_details": {"reasoning_tokens": 20},
            },
            Usage(10, 50, 0, 0, 20),
            id="xai: beside, though smaller",
        ),
        pytest.param(
            {"prompt_tokens": 10, "completion_tokens": 3, "completion_tokens_details": {"reasoning_tokens": 20}},
            Usage(10, 23, 0, 0, 20),
            id="more reasoning than completion can only stand beside it",
        ),
        pytest.param(
            {"prompt_tokens": 10, "completion_tokens": 4, "prompt_tokens_details": {"cached_tokens": 99}},
            Usage(10, 4, 10),
            id="never more cached than read",
        ),
        pytest.param(
            {
                "prompt_tokens": 50,
                "completion_tokens": 4,
                "cache_read_input_tokens": 30,
                "cache_creation_input_tokens": 40,
            },
            Usage(50, 4, 30, 20),
            id="chat with anthropic's cache keys: already included",
        ),
    ],
)
def test_read(told, expected):
    assert usage.read(told) == expected


@pytest.mark.parametrize(
    "told",
    [None, {}, [], 5, "x", {"prompt_tokens": None}, {"prompt_tokens": -1, "completion_tokens": True}, {"usage": {}}],
)
def test_nothing_to_read(told):
    assert usage.read(told) is None


@pytest.mark.parametrize("bad", [None, True, -5, float("nan"), float("inf"), -0.5, 10**30, 1e300, "12", [1], {}])
def test_bad_counts_are_absent(bad):
    assert usage.read({"prompt_tokens": bad, "completion_tokens": 4}) == Usage(0, 4)
    details = {"prompt_tokens": 9, "completion_tokens": 4, "prompt_tokens_details": {"cached_tokens": bad}}
    assert usage.read(details) == Usage(9, 4)
    assert usage.read({"prompt_tokens": 9, "completion_tokens": 4, "prompt_tokens_details": bad}) == Usage(9, 4)


def test_whole_floats_count():
    assert usage.read({"prompt_tokens": 9.0, "completion_tokens": 4.7}) == Usage(9, 4)


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        pytest.param(
            Usage(130, 1, 100, 20), Usage(0, 40), Usage(130, 40, 100, 20), id="message_delta with output only"
        ),
        pytest.param(
            Usage(130, 1, 100, 20), Usage(15, 40), Usage(135, 40, 100, 20), id="corrected input without cache"
        ),
        pytest.param(Usage(17, 1), Usage(160, 40, 100), Usage(160, 40, 100), id="all anew"),
        pytest.param(
            Usage(9, 1), Usage(9, 3, reasoning_tokens=2), Usage(9, 3, reasoning_tokens=2), id="cumulative chat"
        ),
        pytest.param(Usage(9, 5), Usage(9, 0), Usage(9, 5), id="zero says nothing"),
        pytest.param(Usage(9, 5, estimated=True), Usage(9, 6), Usage(9, 6, estimated=True), id="an estimate stays one"),
    ],
)
def test_merge(a, b, expected):
    assert usage.merge(a, b) == expected


names = st.sampled_from(
    [
        "prompt_tokens", "completion_tokens", "total_tokens", "input_tokens", "output_tokens", "cached_tokens",
        "cache_read_input_tokens", "cache_creation_input_tokens", "cache_creation", "prompt_cache_hit_tokens",
        "reasoning_tokens", "thinking_tokens", "cache_write_tokens", "prompt_tokens_details", "input_tokens_details",
        "completion_tokens_details", "output_tokens_details", "iterations", "type",
    ]
)  # fmt: skip
numbers = st.none() | st.booleans() | st.integers() | st.integers(0, 500) | st.floats() | st.just("compaction")
objects = st.recursive(
    numbers, lambda inner: st.dictionaries(names, inner, max_size=6) | st.lists(inner, max_size=3), max_leaves=20
)


def holds(read):
    assert 0 <= read.cache_read_tokens + read.cache_write_tokens <= read.input_tokens
    assert 0 <= read.reasoning_tokens <= read.output_tokens
    assert read.total_tokens == read.input_tokens + read.output_tokens
    assert all(type(count) is int for count in (read.input_tokens, read.output_tokens, read.cache_read_tokens))


@given(st.dictionaries(names, objects, max_size=8) | objects, st.dictionaries(names, objects, max_size=8))
def test_reading_and_merging_never_raise_and_keep_their_promises(first, second):
    a, b = usage.read(first), usage.read(second)
    for read in (a, b):
        if read is not None:
            holds(read)
    if a is not None and b is not None:
        holds(usage.merge(a, b))
