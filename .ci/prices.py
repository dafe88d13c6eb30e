"""Make `prices.json` and `abilities.json` in `proxy/tailrace/data` from the model map inside the installed litellm
package (`make prices`).

Kept are the four numbers the proxy bills with, in US dollars per million tokens, and what a router must know of a
model, for the vendors' own model names.
"""

import datetime
import importlib.metadata
import importlib.util
from pathlib import Path
from typing import Any

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
ABILITIES = {
    "vision": "supports_vision",
    "tools": "supports_function_calling",
    "json_schema": "supports_response_schema",
    "reasoning": "supports_reasoning",
    "context_tokens": "max_input_tokens",
    "max_output_tokens": "max_output_tokens",
}
YES_OR_NO = ("vision", "tools", "json_schema")
DATA = Path(__file__).parent.parent / "proxy/tailrace/data"


Row = dict[str, Any]


def main() -> None:
    """Write the files."""
    spec = importlib.util.find_spec("litellm")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("litellm is not installed: pip install 'tailrace[litellm]'")
    folder = Path(spec.submodule_search_locations[0])
    rows: dict[str, Row] = orjson.loads((folder / "model_prices_and_context_window_backup.json").read_bytes())
    kept = {name: row for name, row in rows.items() if is_kept(name, row)}
    write("prices.json", "USD per million tokens", {name: price(row) for name, row in kept.items()})
    chats = {name: row for name, row in kept.items() if row["mode"] in ("chat", "responses")}
    write("abilities.json", "tokens", {name: abilities(row) for name, row in chats.items()})


def is_kept(name: str, row: Row) -> bool:
    """Whether it is a model of a vendor's own, with a price."""
    known = row.get("litellm_provider") in VENDORS and row.get("mode") in MODES
    return known and row.get("input_cost_per_token") is not None and "ft:" not in name


def price(row: Row) -> Row:
    """The four numbers of a model."""
    found = {key: round(row[field] * 1e6, 6) for key, field in FIELDS.items() if row.get(field) is not None}
    found.setdefault("output", 0.0)
    if not found.get("cache_write", 1):
        # "No charge for writing" means that what is written is billed as the input that it is.
        del found["cache_write"]
    return found


def abilities(row: Row) -> Row:
    """What a model can do. The map says only yes for most models: no flag is a no for a vendor's own."""
    found = {key: row[field] for key, field in ABILITIES.items() if row.get(field) is not None}
    found.update({key: False for key in YES_OR_NO if key not in found})
    # OpenAI's reasoning models answer 400 to a temperature, but those whose reasoning can be switched off.
    fixed = row.get("litellm_provider") == "openai" and row.get("supports_reasoning")
    if row.get("supports_sampling_params") is False or (fixed and not row.get("supports_none_reasoning_effort")):
        found["sampling"] = False
    return found


def write(file: str, unit: str, models: dict[str, Row]) -> None:
    """A table by the models' own names."""
    made = {
        "source": f"litellm {importlib.metadata.version('litellm')} (MIT), model_prices_and_context_window_backup.json",
        "made": datetime.datetime.now(tz=datetime.UTC).date().isoformat(),
        "unit": unit,
        "models": dict(sorted({name.split("/")[-1]: row for name, row in models.items()}.items())),
    }
    (DATA / file).write_bytes(orjson.dumps(made, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


if __name__ == "__main__":
    main()
