"""What a decision saves against the default model, as estimated before the answer is there."""

from dataclasses import dataclass
from math import isfinite

from tailrace.prices import Price
from tailrace_plugins.router.policy.economy import cost_of_turn
from tailrace_plugins.router.speeds import Speed


@dataclass(frozen=True, slots=True)
class Saving:
    """Dollars and seconds saved; negative where the chosen model costs more, None where something is not known."""

    usd: float | None
    seconds: float | None

    @property
    def words(self) -> str:
        """For people."""
        money = "cost unknown" if self.usd is None else _told(self.usd, f"${abs(self.usd):.6f}", "dearer", "cheaper")
        time = (
            "time unknown"
            if self.seconds is None
            else _told(self.seconds, f"{abs(self.seconds):.2f} s", "slower", "faster")
        )
        return f"{money}, {time}"


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two models: its price, its speed, and how much of the input it has in its cache."""

    price: Price | None = None
    speed: Speed = Speed()
    cached_tokens: int = 0


def saving(default: Side, chosen: Side, input_tokens: int, output_tokens: int) -> Saving:
    """The estimated saving of asking `chosen` instead of `default`.

    Dollars: both prices must be known. Seconds: time to the first token and rate of both must be.
    """
    money = None
    if default.price is not None and chosen.price is not None:
        money = _cost(default, default.price, input_tokens, output_tokens)
        money -= _cost(chosen, chosen.price, input_tokens, output_tokens)
    before, after = answer_s(default.speed, output_tokens), answer_s(chosen.speed, output_tokens)
    time = None if before is None or after is None else before - after
    return Saving(_number(money), _number(time))


def answer_s(speed: Speed, output_tokens: int) -> float | None:
    """Seconds until the whole answer is there: first token, then the rate. None where either is not known."""
    if speed.first_token_s is None or speed.tokens_per_s is None or speed.tokens_per_s <= 0:
        return None
    return speed.first_token_s + max(0, output_tokens) / speed.tokens_per_s


def _cost(side: Side, price: Price, input_tokens: int, output_tokens: int) -> float:
    cached = max(0, min(side.cached_tokens, input_tokens))
    return cost_of_turn(price, cached, True, input_tokens - cached, output_tokens)


def _number(value: float | None) -> float | None:
    return value if value is not None and isfinite(value) else None


def _told(difference: float, amount: str, worse: str, better: str) -> str:
    return f"{amount} {worse if difference < 0 else better}"
