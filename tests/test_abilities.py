import pytest

from tailrace.abilities import Abilities, AbilityTable


def test_what_is_configured_stands_over_what_is_shipped():
    shipped = Abilities(vision=True, tools=True, context_tokens=128_000)
    told = Abilities(vision=False, tokens_per_s=80.0)
    assert told.over(shipped) == Abilities(vision=False, tools=True, context_tokens=128_000, tokens_per_s=80.0)
    assert Abilities().over(shipped) == shipped


@pytest.mark.parametrize(
    ("model", "field", "value"),
    [
        ("gpt-4o", "vision", True),
        ("gpt-4o", "context_tokens", 128_000),
        ("gpt-4", "vision", False),
        ("gpt-4", "json_schema", False),
        ("o3", "sampling", False),
        ("o3", "reasoning", True),
        ("gpt-4o", "sampling", None),
        ("a-model-of-ones-own", "tools", None),
    ],
)
def test_the_shipped_table(model, field, value):
    assert getattr(AbilityTable.shipped().find(model), field) is value or (
        getattr(AbilityTable.shipped().find(model), field) == value
    )
