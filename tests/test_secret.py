import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from tailrace.secret import kept_secret


def test_it_stays_the_same(tmp_path):
    folder = tmp_path / "data" / "inner"
    first = kept_secret(folder)
    assert len(first) == 32 and kept_secret(folder) == first != kept_secret(tmp_path / "other")


def test_only_this_user_reads_it(tmp_path):
    kept_secret(tmp_path / "data")
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "data" / "secret").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("damage", [b"short", b"x" * 31])
def test_a_damaged_one_is_neither_used_nor_replaced(tmp_path, damage, caplog):
    (tmp_path / "secret").write_bytes(damage)
    one, two = kept_secret(tmp_path), kept_secret(tmp_path)
    assert len(one) == 32 and one != two and (tmp_path / "secret").read_bytes() == damage
    assert "damaged" in caplog.text and one.hex() not in caplog.text


def test_an_empty_one_is_made_anew(tmp_path):
    (tmp_path / "secret").write_bytes(b"")
    one = kept_secret(tmp_path)
    assert len(one) == 32 and kept_secret(tmp_path) == one


def test_two_that_start_together_have_the_same(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        made = set(pool.map(lambda _: kept_secret(tmp_path), range(16)))
    assert len(made) == 1 and [file.name for file in tmp_path.iterdir()] == ["secret"]


def test_more_than_enough_is_enough(tmp_path):
    (tmp_path / "secret").write_bytes(b"a" * 32 + b"\n")
    assert kept_secret(tmp_path) == b"a" * 32


@pytest.mark.parametrize("place", ["a file for a folder", "a folder for the file"])
def test_where_none_can_be_kept_it_lives_as_long_as_the_process(tmp_path, place, caplog):
    if place == "a file for a folder":
        (tmp_path / "data").write_text("x")
    else:
        (tmp_path / "data" / "secret").mkdir(parents=True)
    one, two = kept_secret(tmp_path / "data"), kept_secret(tmp_path / "data")
    assert len(one) == 32 and one != two and "lost with a restart" in caplog.text


def test_of_two_that_start_together_both_have_one(tmp_path, monkeypatch):
    """The other process makes its file between our look and our write."""
    opening = os.open

    def late(path, flags, mode=0o777):
        (tmp_path / "secret").write_bytes(b"o" * 32)
        return opening(path, flags, mode)

    monkeypatch.setattr(os, "open", late)
    assert kept_secret(tmp_path) == b"o" * 32
