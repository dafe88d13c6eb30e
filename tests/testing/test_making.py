import pytest
from pydantic import ValidationError

from tailrace.plugin import Plugin, PluginSettings
from tailrace.testing import ManualClock, exchange, plugin, services
from tailrace.wire.endpoints import MESSAGES


class Settings(PluginSettings):
    size: int = 3


class Sized(Plugin[Settings]):
    name = "sized"
    Settings = Settings


def test_an_exchange_is_what_the_handler_makes():
    made = exchange({"model": "m", "stream": True}, headers={"X-Tailrace-Session": "s", "x-tailrace-no-store": ""})
    assert made.raw == b'{"model":"m","stream":true}' == made.body()
    assert (made.model, made.stream, made.request.session_hint, made.tenant) == ("m", True, "s", "tenant")
    assert made.request.no_store
    assert made.request.headers["x-TAILRACE-session"] == "s"
    assert (made.request.method, made.request.path) == ("POST", "/v1/chat/completions")


def test_the_clients_own_bytes_stay():
    made = exchange(b'{ "model" : "m", "model":"n" }', endpoint=MESSAGES, tenant="t", skip=["x"], credential="k")
    assert made.body() == b'{ "model" : "m", "model":"n" }'
    assert (made.model, made.tenant, made.endpoint.anthropic) == ("n", "t", True)
    assert (made.request.skip, made.request.credential) == ({"x"}, "k")


def test_payloads_are_not_shared_with_the_test():
    given = {"model": "m", "messages": [{}]}
    made = exchange(given)
    given["messages"].append(1)
    assert made.payload["messages"] == [{}]


def test_settings_are_checked():
    assert plugin(Sized, {"size": 4}).settings.size == 4
    assert plugin(Sized).settings.size == 3
    with pytest.raises(ValidationError):
        plugin(Sized, {"sice": 4})


def test_services_repeat_themselves(tmp_path):
    clock = ManualClock()
    one, two = services(clock=clock, data_dir=tmp_path, seed=1), services(seed=1)
    assert one.rng.random() == two.rng.random()
    assert one.clock is clock
    assert one.data_dir == tmp_path
    lent = plugin(Sized, services=one)
    assert lent.services is one
