from hashlib import sha256

import pytest
from aiohttp.test_utils import make_mocked_request

from tailrace.sim import SimSettings
from tailrace.sim.journal import Journal


@pytest.fixture
async def request_():
    secret = {"authorization": "Bearer sk-secret", "x-api-key": "sk-other", "x-foo": "bar"}
    return make_mocked_request("POST", "/v1/x?a=1", headers=secret)


async def test_secrets_stand_as_their_hash(request_):
    journal = Journal(SimSettings())
    journal.open(request_)
    (entry,) = journal.entries()
    assert ["authorization", f"sha256:{sha256(b'sk-secret').hexdigest()[:12]}"] in entry["headers"]
    assert ["x-foo", "bar"] in entry["headers"]
    assert "sk-" not in str(entry)


async def test_an_entry_tells_the_request_and_how_it_ended(request_):
    journal = Journal(SimSettings())
    entry = journal.open(request_)
    journal.keep(entry, b'{"a":1}')
    assert journal.entries()[0]["state"] == "in-flight"
    journal.close(entry, "aborted")
    journal.close(entry, "answered", 200)
    (shown,) = journal.entries()
    assert (shown["method"], shown["path"], shown["query"]) == ("POST", "/v1/x", "a=1")
    assert (shown["body"], shown["body_bytes"]) == ({"a": 1}, 7)
    assert shown["body_sha256"] == sha256(b'{"a":1}').hexdigest()
    assert (shown["state"], shown["status"]) == ("aborted", None)
    assert shown["ended_s"] >= 0
    assert journal.stats()["aborted"] == 1
    assert journal.stats()["answered"] == journal.stats()["in_flight"] == 0


async def test_it_is_bounded_in_entries_and_in_bytes(request_):
    journal = Journal(SimSettings(journal_size=3, journal_bytes=25))
    for at in range(5):
        journal.keep(journal.open(request_), b'{"at": %d, "x": 1}' % at)
    shown = journal.entries()
    assert [entry["id"] for entry in shown] == [3, 4, 5]
    assert [entry["body"] and entry["body"]["at"] for entry in shown] == [None, None, 4]
    assert shown[0]["body_sha256"] == sha256(b'{"at": 2, "x": 1}').hexdigest()
    assert journal.total == 5


async def test_entries_are_chosen_by_number_and_model(request_):
    journal = Journal(SimSettings())
    for model in ("a", "b", "a"):
        journal.open(request_).model = model
    assert [entry["id"] for entry in journal.entries(last=1)] == [3]
    assert [entry["id"] for entry in journal.entries(model="a")] == [1, 3]
    assert journal.entries(last=0) == []
    journal.clear()
    assert journal.entries() == []
    assert journal.total == 3
