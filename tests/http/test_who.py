import pytest
from multidict import CIMultiDict

from tailrace.config.models import Keys
from tailrace.errors import Unauthorized
from tailrace.http.who import ANONYMOUS, Doorkeeper, token_fits


def bearer(key):
    return CIMultiDict({"Authorization": f"Bearer {key}"})


def test_with_keys_every_request_needs_one():
    door = Doorkeeper(Keys(static={"alice": "sk-a", "bob": "sk-b"}), b"s")
    assert (door.admit(bearer("sk-a")).tenant, door.admit(bearer("sk-b")).tenant) == ("alice", "bob")
    assert door.admit(CIMultiDict({"X-Api-Key": "sk-a"})).tenant == "alice"
    # A key of ours is no key of the provider's.
    assert door.admit(bearer("sk-a")).credential is None


@pytest.mark.parametrize(
    "headers", [{}, {"authorization": "Bearer sk-"}, {"authorization": "Bearer sk-a "[:-2]}, {"authorization": "Basic sk-a"},
                {"authorization": "Bearer \udcff\udcfe"}, {"authorization": "", "x-api-key": "sk-a"}],
)  # fmt: skip
def test_without_it_is_refused(headers):
    with pytest.raises(Unauthorized) as caught:
        Doorkeeper(Keys(static={"alice": "sk-a"}), b"s").admit(CIMultiDict(headers))
    assert caught.value.status == 401 and caught.value.headers == {"www-authenticate": "Bearer"}
    assert "sk-" not in caught.value.message


def test_without_keys_each_credential_is_a_tenant():
    door = Doorkeeper(Keys(), b"s")
    one, two, again = door.admit(bearer("k1")), door.admit(bearer("k2")), door.admit(bearer("k1"))
    assert (one, one.credential) == (again, "k1")
    assert one.tenant != two.tenant and "k1" not in one.tenant
    assert door.admit(CIMultiDict({"api-key": "k1"})).tenant == one.tenant
    nobody = door.admit(CIMultiDict())
    assert (nobody.tenant, nobody.credential) == (ANONYMOUS, None)
    assert door.admit(bearer(ANONYMOUS)).tenant != ANONYMOUS


def test_tenants_cannot_be_computed_elsewhere():
    assert Doorkeeper(Keys(), b"s").admit(bearer("k")).tenant != Doorkeeper(Keys(), b"t").admit(bearer("k")).tenant


@pytest.mark.parametrize(
    ("headers", "fits"),
    [
        ({"authorization": "Bearer töken"}, True),
        ({"x-api-key": "töken"}, True),
        ({"authorization": "Bearer tok"}, False),
        ({"authorization": "töken"}, False),
        ({"authorization": "Bearer \udcff"}, False),
        ({}, False),
    ],
)
def test_token_fits(headers, fits):
    assert token_fits(CIMultiDict(headers), "töken") is fits
