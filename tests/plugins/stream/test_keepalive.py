from tailrace_plugins.stream.keepalive import PING, KeepAlive


def test_a_ping_after_each_silence():
    keep_alive = KeepAlive(5, now=100, first_in_s=5)
    assert keep_alive.take(104.9) == b""
    assert keep_alive.take(105) == PING == b": ping\n\n"
    assert keep_alive.due == 110
    keep_alive.sent(107)
    assert keep_alive.take(110) == b""
    assert keep_alive.take(112) == PING
    assert keep_alive.pings == 2


def test_the_first_one_may_come_at_once():
    assert KeepAlive(5, now=100, first_in_s=0).take(100) == PING
