"""Which lemmas are of one family."""

import pytest

from tailrace_plugins.semantic_cache.verifier.kin import derived


@pytest.mark.parametrize(
    ("one", "other"),
    [("perfect", "perfectly"), ("reject", "rejection"), ("leak", "leaky"), ("easy", "easily"), ("safe", "safely")],
)
def test_one_family(one: str, other: str) -> None:
    assert derived(one, other) and derived(other, one)


@pytest.mark.parametrize(("one", "other"), [("hard", "hardware"), ("sea", "seal"), ("pass", "passport"), ("a", "b")])
def test_no_family(one: str, other: str) -> None:
    assert not derived(one, other)
