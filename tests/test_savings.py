import pytest

from tailrace.savings import Ledger


def test_a_loss_is_taken_from_the_next_saving():
    ledger = Ledger()
    told = [ledger.usd(amount) for amount in (1.0, -3.0, 2.0, 2.0)]
    assert told == [1.0, 0.0, 0.0, pytest.approx(1.0)]
    assert [ledger.seconds(amount) for amount in (-1.0, 0.5, 1.0)] == [0.0, 0.0, pytest.approx(0.5)]
