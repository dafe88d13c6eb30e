import asyncio
import importlib.util
import os
import random
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tailrace import tokens as module
from tailrace.tokens import TokenCounter, encoding_of, estimate


@pytest.fixture(scope="module")
def counter():
    return TokenCounter()


def whole(text, name="o200k_base"):
    return len(module._load(name)(text))


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("gpt-4o", "o200k_base"),
        ("gpt-4o-mini-2024-07-18", "o200k_base"),
        ("openai/gpt-4.1", "o200k_base"),
        ("gpt-5-nano", "o200k_base"),
        ("o3", "o200k_base"),
        ("gpt-oss-120b", "o200k_base"),
        ("gpt-4-turbo", "cl100k_base"),
        ("gpt-3.5-turbo", "cl100k_base"),
        ("text-embedding-3-small", "cl100k_base"),
        ("claude-sonnet-4", "o200k_base"),
        ("", "o200k_base"),
    ],
)
def test_the_vocabulary_of_a_model(model, name):
    assert encoding_of(model) == name


# Counts of OpenAI's cookbook, "How to count tokens with tiktoken".
@pytest.mark.parametrize(
    ("text", "model", "count"),
    [
        ("antidisestablishmentarianism", "gpt-4", 6),
        ("antidisestablishmentarianism", "gpt-4o", 6),
        ("2 + 2 = 4", "gpt-4", 7),
        ("お誕生日おめでとう", "gpt-4", 9),
        ("お誕生日おめでとう", "gpt-4o", 8),
        ("tiktoken is great!", "gpt-3.5-turbo", 6),
        ("", "gpt-4o", 0),
    ],
)
def test_counts_are_those_of_the_model(counter, text, model, count):
    assert counter.exact(model)
    assert counter.count(text, model) == count


def test_special_tokens_in_a_text_are_text(counter):
    assert counter.count("<|endoftext|>", "gpt-4o") > 1


def test_a_lone_surrogate_is_counted(counter):
    assert counter.count("a\ud800b") > 0


@given(st.text(st.sampled_from("ab1 ,.，'\"\n\t{}:_é中²́s/!-"), max_size=60), st.sampled_from(sorted(module._SHA256)))
@example("a" + " " * 12 + "b", "o200k_base")
def test_a_safe_cut_changes_no_token(text, name):
    for cut in module._SAFE_CUT.finditer(text):
        assert whole(text[: cut.start()], name) + whole(text[cut.start() :], name) == whole(text, name)


def test_a_long_text_is_counted_in_pieces_and_to_the_token(counter):
    texts = [
        '{"id": 1234, "name": "Mia Li", "rows": [1, 22, 333]}\n' * 2_000,
        "中文没有空格，但是有标点。" * 5_000,
        "The quick brown fox isn't here!\n\n" * 3_000,
    ]
    whole_ones = [whole(text) for text in texts]
    assert [len(list(module._pieces(text))) > 1 for text in texts] == [True, True, True]
    assert [counter.count(text) for text in texts] == whole_ones


def test_pieces_are_bounded_and_lose_nothing():
    for text in ("x" * 100_000, " " * 100_000, "a b" * 40_000, "", "x" * 16_384):
        pieces = list(module._pieces(text))
        assert "".join(pieces) == text
        assert max(map(len, pieces)) <= module._PIECE_CHARS


@pytest.mark.parametrize("text", ["a" * 2_000_000, " " * 2_000_000, "=\n" * 1_000_000, "\0" * 2_000_000])
def test_two_million_characters_of_the_same(counter, text):
    """At once tiktoken panics on the spaces, and takes seconds on others."""
    assert 0 < counter.count(text) <= len(text)


def test_random_letters_cost_a_token_for_each_piece_at_most(counter):
    text = "".join(random.Random(1).choices("abcdefghijklmnopqrstuvwxyz", k=60_000))
    assert abs(counter.count(text) - whole(text)) <= 2 * (len(text) // module._PIECE_CHARS)


async def test_many_are_counted_in_their_order(counter):
    texts = ["one", "two words", "x " * 10_000, "one", ""]
    assert await counter.count_many(texts, "gpt-4o") == [counter.count(text, "gpt-4o") for text in texts]
    assert await counter.count_many([], "gpt-4o") == []
    long = ["y " * 300_000, "one"]
    assert await counter.count_many(long) == [counter.count(text) for text in long]


async def test_what_is_long_is_counted_off_the_loop(monkeypatch):
    counter, where = TokenCounter(), []
    counter.load()
    fresh = counter._fresh
    monkeypatch.setattr(
        counter, "_fresh", lambda key, text: where.append(threading.current_thread()) or fresh(key, text)
    )
    await counter.count_many(["short"])
    await counter.count_many(["long " * 10_000])
    await counter.count_many(["longer " * 100_000])
    await counter.count_many(["long " * 10_000, "short"])
    here = threading.current_thread()
    assert [thread is here for thread in where] == [True, False, False]


async def test_the_vocabulary_is_loaded_off_the_loop(monkeypatch):
    where = []
    monkeypatch.setattr(module, "_load", lambda name: where.append(threading.current_thread()))
    counter = TokenCounter()
    assert await counter.count_many(["12345678"]) == [2]
    assert where != [threading.current_thread()]
    assert len(where) == 1


def test_it_is_loaded_once_by_many_threads(monkeypatch):
    loads, real = [], module._load
    monkeypatch.setattr(module, "_load", lambda name: loads.append(name) or real(name))
    counter = TokenCounter()
    with ThreadPoolExecutor(8) as pool:
        counts = set(pool.map(counter.count, ["the same text"] * 64))
    assert (len(counts), loads) == (1, ["o200k_base"])


def test_what_was_counted_is_remembered_up_to_a_bound(monkeypatch):
    counted, real = [], module._pieces
    monkeypatch.setattr(module, "_pieces", lambda text: counted.append(text) or real(text))
    counter = TokenCounter(cache_bytes=3 * module._ENTRY_BYTES)
    for text in ("a", "b", "c", "a", "d", "a", "b"):
        counter.count(text)
    assert counted == ["a", "b", "c", "d", "b"]
    assert len(counter._counts) == 3


def test_two_vocabularies_are_remembered_apart(counter):
    text = "お誕生日おめでとう"
    assert [counter.count(text, model) for model in ("gpt-4", "gpt-4o", "gpt-4")] == [9, 8, 9]


@pytest.mark.parametrize(
    ("text", "count"), [("", 0), ("12345678", 2), ("123456789", 3), ("机器学习是", 4), ("привет", 3)]
)
def test_the_estimate(text, count):
    assert estimate(text) == count


def no_package(monkeypatch, tmp_path):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)


def no_tiktoken(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "tiktoken", None)
    monkeypatch.setitem(sys.modules, "tiktoken.model", None)


def no_files(monkeypatch, tmp_path):
    monkeypatch.setattr(module, "_vocabularies", lambda: tmp_path)


def broken_files(monkeypatch, tmp_path):
    monkeypatch.setattr(module, "_vocabularies", lambda: tmp_path)
    for name in module._SHA256:
        (tmp_path / module._file(name)).write_bytes(b"half of it")


@pytest.mark.parametrize("lack", [no_package, no_tiktoken, no_files, broken_files])
def test_without_a_vocabulary_it_estimates_and_asks_no_network(monkeypatch, tmp_path, lack):
    module._table.cache_clear()
    monkeypatch.setattr("socket.getaddrinfo", lambda *args, **kwargs: pytest.fail("it asked the network"))
    lack(monkeypatch, tmp_path)
    left = sorted(tmp_path.iterdir())
    counter = TokenCounter()
    assert not counter.exact("gpt-4o")
    assert counter.count("12345678", "gpt-4o") == 2
    assert asyncio.run(counter.count_many(["12345678"], "gpt-4")) == [2]
    assert sorted(tmp_path.iterdir()) == left
    module._table.cache_clear()


def test_a_vocabulary_that_does_not_come_with_the_package_is_estimated(counter):
    assert encoding_of("davinci") == "r50k_base"
    assert not counter.exact("davinci")
    assert counter.count("12345678", "davinci") == 2


@pytest.mark.parametrize("before", [None, "/somewhere/else"])
def test_the_environment_is_as_it_was(monkeypatch, before):
    monkeypatch.delenv("TIKTOKEN_CACHE_DIR", raising=False)
    if before is not None:
        monkeypatch.setenv("TIKTOKEN_CACHE_DIR", before)
    assert module._load("o200k_base") is not None
    assert os.environ.get("TIKTOKEN_CACHE_DIR") == before


def test_litellm_is_not_imported():
    """It takes seconds."""
    import subprocess

    code = "import sys; from tailrace.tokens import TokenCounter as T; T().count('a'); print('litellm' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"
