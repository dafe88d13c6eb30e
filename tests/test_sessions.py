from tailrace.sessions import Sessions
from tailrace.testing.clock import ManualClock


def test_each_plugin_has_its_own_place_in_a_session():
    sessions = Sessions(ManualClock())
    words, numbers = sessions.slot("router", str), sessions.slot("compress", int)
    assert words.get("s") is None and len(sessions) == 0, "looking makes none"
    words.put("s", "simple")
    numbers.put("s", 7)
    words.put("other", "expert")
    assert (words.get("s"), numbers.get("s"), words.get("other"), numbers.get("other")) == ("simple", 7, "expert", None)
    assert len(sessions) == 2


def test_a_value_of_another_type_is_not_there():
    sessions = Sessions(ManualClock())
    sessions.slot("router", str).put("s", "kept by the version before a reload")
    assert sessions.slot("router", int).get("s") is None


def test_the_session_used_longest_ago_makes_room():
    sessions = Sessions(ManualClock(), most=3)
    slot = sessions.slot("p", int)
    for number, name in enumerate("abc"):
        slot.put(name, number)
    slot.get("a")
    slot.put("d", 3)
    assert [slot.get(name) for name in "abcd"] == [0, None, 2, 3]
    assert len(sessions) == 3


def test_idle_sessions_are_forgotten_and_used_ones_are_not():
    clock = ManualClock()
    sessions = Sessions(clock, idle_s=60.0)
    slot = sessions.slot("p", int)
    slot.put("idle", 1)
    slot.put("used", 2)
    clock.advance(40)
    assert slot.get("used") == 2
    clock.advance(20)
    assert slot.get("used") == 2, "exactly at the bound it is still there"
    clock.advance(1)
    assert slot.get("used") == 2
    assert slot.get("idle") is None
    assert len(sessions) == 1
