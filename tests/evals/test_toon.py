"""TOON's own conformance fixtures (specification 4.0) through the encoder that `compress` uses."""

from pathlib import Path
from typing import Any

import pytest

from tailrace.wire import jsonio
from tailrace_plugins.compress.passes import tabular

FIXTURES = Path(__file__).parents[3] / "shared" / "data" / "toon" / "fixtures_spec" / "tests" / "fixtures"

pytestmark = pytest.mark.skipif(not FIXTURES.is_dir(), reason="needs ../shared/data/toon")
pytest.importorskip("toon_format")


def cases() -> list[Any]:
    return [
        pytest.param(case, id=f"{path.stem}: {case['name']}")
        for path in sorted(FIXTURES.glob("encode/*.json"))
        for case in jsonio.loads(path.read_bytes())["tests"]
        # The pass always indents by two.
        if case.get("options", {}).get("indentSize", 2) == 2
    ]


@pytest.mark.parametrize("case", cases())
def test_encode(case: dict[str, Any]) -> None:
    options = case.get("options", {})
    assert set(options) <= {"delimiter", "indentSize"}
    made = tabular.encode(case["input"], options.get("delimiter", ","))
    if case.get("shouldError"):
        assert made is None
    else:
        assert made == case["expected"]


def test_all_are_there() -> None:
    assert len(cases()) == 172
