import pytest

from tailrace.errors import BadRequest, TailraceError, UpstreamError
from tailrace.testing import FakeUpstream, exchange, failing, hanging, services, virtual_time, whole
from tailrace.wire.usage import Usage
from tailrace_plugins.router.cascade.asking import Samples, Unwilling, ask_cheap

CHEAP = {"model": "small", "messages": [{"role": "user", "content": "Why?"}]}
REFUSED = [
    BadRequest("'logprobs' is not supported with this model."),
    TailraceError("You are not allowed to request logprobs from this model", status=403),
    UpstreamError("The provider refused the proxy's own credentials (403).", code="upstream_auth"),
    TailraceError("Extra inputs are not permitted", status=422),
]


def asked(upstream):
    return ["logprobs" in one.payload for one in upstream.got]


@virtual_time
@pytest.mark.parametrize("error", REFUSED)
async def test_a_model_that_refuses_logprobs_is_asked_without_from_then_on(kit, error):
    upstream, unwilling = FakeUpstream(failing(error), whole(kit.body())), Unwilling()
    reply, strips = await ask_cheap(exchange(CHEAP), upstream, unwilling)
    assert reply.status == 200 and not strips and asked(upstream) == [True, False]
    await ask_cheap(exchange(CHEAP), upstream, unwilling)
    await ask_cheap(exchange({**CHEAP, "model": "other"}), upstream, unwilling)
    assert asked(upstream)[2:] == [False, True]


@virtual_time
async def test_what_was_not_for_the_logprobs_is_not_remembered(kit):
    unwilling = Unwilling()
    upstream = FakeUpstream(failing(BadRequest("no such field")))
    with pytest.raises(BadRequest):
        await ask_cheap(exchange(CHEAP), upstream, unwilling)
    assert len(upstream.got) == 2 and "small" not in unwilling
    upstream = FakeUpstream(failing(UpstreamError("away")), whole(kit.body()))
    with pytest.raises(UpstreamError):
        await ask_cheap(exchange(CHEAP), upstream, unwilling)
    assert len(upstream.got) == 1


@virtual_time
async def test_clients_that_speak_of_them_are_left_alone(kit):
    upstream = FakeUpstream(whole(kit.body()))
    for payload in ({"logprobs": False}, {"top_logprobs": 1, "logprobs": True}):
        asks = exchange({**CHEAP, **payload})
        assert (await ask_cheap(asks, upstream, Unwilling()))[1] is False and upstream.got[-1] is asks


def test_what_is_remembered_is_bounded():
    unwilling = Unwilling()
    for number in range(1001):
        unwilling.add(str(number))
    assert "0" not in unwilling and "1" in unwilling and "1000" in unwilling


@virtual_time
async def test_samples_are_whole_varied_and_on_trails_of_their_own(kit):
    upstream, billed = FakeUpstream(whole(kit.body("one"))), []
    asks = exchange({**CHEAP, "stream": True, "stream_options": {}, "temperature": 0, "seed": 3})
    samples = Samples(2, asks, upstream, services(), lambda *told: billed.append(told))
    assert [one.text for one in await samples.answers(5)] == ["one", "one"]
    for sent in upstream.got:
        assert sent.payload == {**CHEAP, "stream": False, "temperature": 0.7} and sent.trail is not asks.trail
    assert billed == [("", "small", Usage(100, 7))] * 2
    await samples.end()


@virtual_time
async def test_samples_that_fail_or_hang(kit):
    lent, billed = services(), []
    upstream = FakeUpstream(failing(), hanging(), whole(b"nonsense"))
    samples = Samples(3, exchange(CHEAP), upstream, lent, lambda *told: billed.append(told))
    (answer,) = await samples.answers(5)
    assert answer.broken
    await samples.end()
    assert upstream.cancelled == 1 and not len(lent.tasks)
    assert [usage.estimated for _, _, usage in billed] == [True], "the one that was given up"
