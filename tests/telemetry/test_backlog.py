import threading
import time

from tailrace.telemetry.backlog import Backlog


def soon():
    return time.monotonic() + 10


class Taken:
    def __init__(self):
        self.batches = []
        self.some = threading.Event()

    def __call__(self, batch):
        self.batches.append(batch)
        self.some.set()

    @property
    def items(self):
        return [item for batch in self.batches for item in batch]


def test_in_order_and_whole_at_the_end():
    taken = Taken()
    backlog = Backlog("test", taken, batch=10, gather_s=60)
    backlog.start()
    for number in range(25):
        backlog.put(number)
    backlog.end()
    backlog.join(soon())
    assert taken.items == list(range(25))
    assert max(map(len, taken.batches)) <= 10
    assert backlog.dropped == 0


def test_a_full_batch_does_not_wait_for_more():
    taken = Taken()
    backlog = Backlog("test", taken, batch=3, gather_s=60)
    backlog.start()
    for number in range(3):
        backlog.put(number)
    assert taken.some.wait(10)
    backlog.end()
    backlog.join(soon())


def test_a_single_one_leaves_after_a_while():
    taken = Taken()
    backlog = Backlog("test", taken, batch=100, gather_s=0.001)
    backlog.start()
    backlog.put(1)
    assert taken.some.wait(10)
    backlog.end()
    backlog.join(soon())


def test_the_oldest_goes_when_it_is_full_and_is_counted():
    taken = Taken()
    backlog = Backlog("test", taken, most=5, batch=100)
    for number in range(8):
        backlog.put(number)
    assert (len(backlog), backlog.dropped) == (5, 3)
    backlog.start()
    backlog.end()
    backlog.join(soon())
    assert taken.items == [3, 4, 5, 6, 7]


def test_bytes_are_bounded_too():
    taken = Taken()
    backlog = Backlog("test", taken, batch=100, most_bytes=10, weigh=len)
    for text in ("aaaa", "bbbb", "cccc", "d", "e" * 99):
        backlog.put(text)
    assert (len(backlog), backlog.dropped) == (1, 4)
    backlog.start()
    backlog.end()
    backlog.join(soon())
    assert taken.items == ["e" * 99]
    backlog.put("ffff")
    backlog.put("gggg")
    assert len(backlog) == 2


def test_a_failing_batch_costs_only_itself():
    taken = Taken()

    def take(batch):
        if 0 in batch:
            raise ValueError
        taken(batch)

    backlog = Backlog("test", take, batch=2, gather_s=60)
    for number in range(4):
        backlog.put(number)
    backlog.start()
    backlog.end()
    backlog.join(soon())
    assert taken.items == [2, 3]
    assert backlog.dropped == 2


def test_who_hangs_is_not_waited_for():
    hang = threading.Event()
    backlog = Backlog("test", lambda batch: hang.wait(60), batch=1, gather_s=0)
    backlog.start()
    for number in range(10):
        backlog.put(number)
    backlog.end()
    backlog.join(time.monotonic())
    assert len(backlog) == 0
    assert backlog.dropped >= 9
    hang.set()


def test_one_that_never_began_ends_too():
    backlog = Backlog("test", print)
    backlog.put(1)
    backlog.end()
    backlog.join(soon())
    assert backlog.dropped == 1
