import asyncio

import pytest
from cache_kit import entry

from tailrace.cache.flights import Flight, Flights, Landing
from tailrace.testing import virtual_time


class Relay:
    """As much of one as a flight looks at."""

    admits = True


@virtual_time
async def test_a_flight_is_found_until_it_has_landed():
    flights = Flights()
    assert flights.find("k", usage=True) is None
    flight = flights.begin("k", usage=True)
    assert flights.find("k", usage=True) is flight and flights.find("other", usage=True) is None and len(flights) == 1
    flight.land(Landing(entry=entry()))
    assert flights.find("k", usage=True) is None
    flights.end("k", flight)
    assert len(flights) == 0


@virtual_time
async def test_a_stream_is_joined_while_it_admits():
    flights, relay = Flights(), Relay()
    flight = flights.begin("k", usage=False)
    flight.land(Landing(relay=relay))
    assert flights.find("k", usage=False) is flight
    relay.admits = False
    assert flights.find("k", usage=False) is None


@virtual_time
async def test_who_wants_usage_does_not_wait_for_an_answer_without():
    flights = Flights()
    without = flights.begin("k", usage=False)
    assert flights.find("k", usage=True) is None and flights.find("k", usage=False) is without
    reporting = flights.begin("k", usage=True)
    assert flights.find("k", usage=True) is reporting and flights.find("k", usage=False) is without
    flights.end("k", without)
    assert flights.find("k", usage=False) is reporting, "more than was asked for is good enough"
    flights.end("k", reporting)
    assert not len(flights)


@virtual_time
async def test_all_who_wait_are_told_the_same():
    flight, landing = Flight(usage=True), Landing(entry=entry())
    loop = asyncio.get_running_loop()
    waiting = [loop.create_task(flight.landing()) for _ in range(3)]
    await asyncio.sleep(1)
    flight.land(landing)
    assert [await one for one in waiting] == [landing] * 3
    assert await flight.landing() is landing


@virtual_time
async def test_the_first_word_counts_unless_a_stream_became_an_entry():
    failed, whole, streamed = Landing(), Landing(entry=entry()), Landing(relay=Relay())
    flight = Flight(usage=True)
    flight.land(failed)
    flight.land(whole)
    assert await flight.landing() is failed
    flight = Flight(usage=True)
    for landing in (streamed, failed, whole, failed):
        flight.land(landing)
    assert await flight.landing() is whole


@virtual_time
async def test_ending_hands_over_to_who_was_told_nothing():
    flights = Flights()
    flight = flights.begin("k", usage=True)
    waiting = asyncio.get_running_loop().create_task(flight.landing())
    await asyncio.sleep(0)
    flights.end("k", flight)
    assert (await waiting).hand_over and flights.find("k", usage=True) is None


@pytest.mark.parametrize("error", [RuntimeError, asyncio.CancelledError, KeyboardInterrupt])
def test_a_leader_that_fails_hands_over(error):
    @virtual_time
    async def fails():
        flights = Flights()
        flight = flights.begin("k", usage=True)
        with pytest.raises(error), flights.ended_on_error("k", flight):
            raise error
        assert (await flight.landing()).hand_over and not len(flights)

    fails()


@virtual_time
async def test_a_leader_that_brings_something_ends_its_flight_itself():
    flights = Flights()
    flight = flights.begin("k", usage=True)
    with flights.ended_on_error("k", flight):
        pass
    assert flights.find("k", usage=True) is flight


@virtual_time
async def test_ending_leaves_the_next_flight_alone():
    flights = Flights()
    first = flights.begin("k", usage=True)
    second = flights.begin("k", usage=True)
    flights.end("k", first)
    assert flights.find("k", usage=True) is second
