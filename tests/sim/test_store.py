import pytest

from tailrace.sim.errors import Refusal
from tailrace.sim.store import ResponseStore


def response(id):
    return {"id": id, "output": [{"id": f"out-{id}"}]}


def test_a_conversation_goes_on_from_a_response():
    store = ResponseStore(10)
    store.keep(response("a"), [{"id": "in-a"}], "key")
    assert store.earlier("a", "key") == [{"id": "in-a"}, {"id": "out-a"}]
    assert store.earlier(None, "key") == []


def test_nothing_is_visible_to_another_key():
    store = ResponseStore(10)
    store.keep(response("a"), [], "key")
    with pytest.raises(Refusal) as caught:
        store.find("a", "other")
    assert caught.value.status == 404
    with pytest.raises(Refusal) as caught:
        store.earlier("a", "other")
    assert caught.value.code == "previous_response_not_found"


def test_it_is_bounded_and_forgets_on_request():
    store = ResponseStore(2)
    for id in "abc":
        store.keep(response(id), [], "key")
    store.drop("b", "key")
    for id in "ab":
        with pytest.raises(Refusal):
            store.find(id, "key")
    assert store.find("c", "key").response == response("c")
