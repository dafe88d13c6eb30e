"""Make `proxy/tailrace/data/prices.json` from the price map inside the installed litellm package (`make prices`).

Only the four numbers the proxy bills with are kept, in US dollars per million tokens, for the vendors' own model names.
"""

import datetime
import importlib.metadata
import importlib.util
from pathlib import Path

import orjson

VENDORS = (
    "openai",
    "anthropic",
    "gemini",
    "mistral",
    "deepseek",
    "xai",
    "groq",
    "cohere_chat",
    "text-completion-openai",
)
MODES = ("chat", "responses", "embedding", "completion")
FIELDS = {
    "input": "input_cost_per_token",
    "output": "output_cost_per_token",
    "cache_read": "cache_read_input_token_cost",
    "cache_write": "cache_creation_input_token_cost",
}
TARGET = Path(__file__).parent.parent / "proxy/tailrace/data/prices.json"


def main() -> None:
    """Write the file."""
    spec = importlib.util.find_spec("litellm")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("litellm is not installed: pip install 'tailrace[litellm]'")
    folder = Path(spec.submodule_search_locations[0])
    rows = orjson.loads((folder / "model_prices_and_context_window_backup.json").read_bytes())
    models: dict[str, dict[str, float]] = {}
    for name, row in rows.items():
        if row.get("litellm_provider") not in VENDORS or row.get("mode") not in MODES:
            continue
        if row.get("input_cost_per_token") is None or "ft:" in name:
            continue
        price = {key: round(row[field] * 1e6, 6) for key, field in FIELDS.items() if row.get(field) is not None}
        price.setdefault("output", 0.0)
        models[name.split("/")[-1]] = price
    made = {
        "source": f"litellm {importlib.metadata.version('litellm')} (MIT), model_prices_and_context_window_backup.json",
        "made": datetime.datetime.now(tz=datetime.UTC).date().isoformat(),
        "unit": "USD per million tokens",
        "models": dict(sorted(models.items())),
    }
    TARGET.write_bytes(orjson.dumps(made, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


if __name__ == "__main__":
    main()
