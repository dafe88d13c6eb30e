import pytest
from pydantic import ValidationError

from tailrace.config.reference import json_schema, setting_rows
from tailrace_plugins.stream.settings import StreamSettings


@pytest.mark.parametrize(
    "given",
    [
        {"coalesce_chunks": 2},
        {"coalesce_chunks": 1000},
        {"coalesce_ms": 0.5},
        {"coalesce_ms": 5000},
        {"keep_alive_s": 1},
        {"keep_alive_s": "2m"},
        {"keep_alive_s": 300},
        {"replay_chars_per_s": 1},
        {"replay_chars_per_s": 1_000_000},
        {"replay_events_per_s": 1},
        {"replay_events_per_s": 100_000},
        {"text_only": True, "deadline_s": 1},
    ],
)
def test_fits(given):
    assert StreamSettings.model_validate(given)


@pytest.mark.parametrize(
    "given",
    [
        {"coalesce_chunks": 1},
        {"coalesce_chunks": 1001},
        {"coalesce_chunks": 2.5},
        {"coalesce_chunks": True},
        {"coalesce_ms": 0},
        {"coalesce_ms": 5001},
        {"coalesce_ms": float("nan")},
        {"coalesce_ms": True},
        {"keep_alive_s": 0.9},
        {"keep_alive_s": 301},
        {"keep_alive_s": "6m"},
        {"keep_alive_s": True},
        {"keep_alive_s": "soon"},
        {"replay_chars_per_s": 0},
        {"replay_chars_per_s": float("inf")},
        {"replay_chars_per_s": True},
        {"replay_events_per_s": 0.5},
        {"replay_events_per_s": 100_001},
        {"replay_chars_per_s": 5, "replay_events_per_s": 5},
        {"text_only": "perhaps"},
        {"coalesce": 5},
    ],
)
def test_refused(given):
    with pytest.raises(ValidationError):
        StreamSettings.model_validate(given)


def test_everything_is_off_and_documented():
    settings = StreamSettings()
    assert not (settings.coalesces or settings.paces or settings.text_only or settings.keep_alive_s)
    rows = {row.key: row for row in setting_rows(StreamSettings)}
    assert len(rows) == len(StreamSettings.model_fields)
    assert all(row.text for row in rows.values())
    assert json_schema({"stream": StreamSettings})["$defs"]["plugin.stream"]["properties"]["keep_alive_s"]
