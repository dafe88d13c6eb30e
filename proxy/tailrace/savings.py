"""What plugins tell of their savings, as numbers that only grow."""


class Ledger:
    """Adds up; what is owed is taken from the next saving, since what is told must never go down."""

    def __init__(self) -> None:
        self._owed_usd = self._owed_s = 0.0

    def usd(self, amount: float) -> float:
        """The dollars to tell for this request."""
        net = amount - self._owed_usd
        self._owed_usd = max(0.0, -net)
        return max(0.0, net)

    def seconds(self, amount: float) -> float:
        """The seconds to tell for this request."""
        net = amount - self._owed_s
        self._owed_s = max(0.0, -net)
        return max(0.0, net)
