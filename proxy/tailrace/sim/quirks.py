"""Streams of chat completions that some provider really sends: legal enough that clients must bear them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from typing import Any

import orjson

from .script import Kind, Script, Step, event

_FILTERS = {key: {"filtered": False, "severity": "safe"} for key in ("hate", "self_harm", "sexual", "violence")}


def empty_choices_first(script: Script, _: int) -> Script:
    """Send Azure's first chunk: no choices, and what its filter thinks of the prompt."""
    if not script.stream:
        return script
    first: dict[str, Any] = {
        "id": "",
        "object": "",
        "created": 0,
        "model": "",
        "choices": [],
        "prompt_filter_results": [{"prompt_index": 0, "content_filter_results": _FILTERS}],
    }
    return replace(script, steps=chain([event(first, Kind.OPEN)], script.steps))


def bad_tool_deltas(script: Script, _: int) -> Script:
    """Send tool calls as no specification has them, yet so that a patient reader gets the right calls.

    A single call comes without any `index`, its name in two halves, its id again in every delta and `arguments` null
    once. Several calls come as one chunk with all openings, then one chunk with all arguments.
    """
    return replace(script, steps=_bad(script)) if script.stream else script


def _bad(script: Script) -> Iterator[Step]:
    base: dict[str, Any] = {}
    calls: dict[int, dict[str, Any]] = {}
    for step in script.steps:
        if step.kind is Kind.TOOL:
            base = _collect(step, calls)
            continue
        if calls:
            yield from _spoilt(base, list(calls.values()))
            calls = {}
        yield step


def _collect(step: Step, calls: dict[int, dict[str, Any]]) -> dict[str, Any]:
    chunk: dict[str, Any] = orjson.loads(step.data.removeprefix(b"data: "))
    for delta in chunk["choices"][0]["delta"]["tool_calls"]:
        if delta.get("id"):
            calls[delta["index"]] = delta
        else:
            calls[delta["index"]]["function"]["arguments"] += delta["function"]["arguments"]
    return chunk


def _spoilt(base: dict[str, Any], calls: list[dict[str, Any]]) -> Iterator[Step]:
    def chunk(deltas: list[dict[str, Any]]) -> Step:
        choice = {**base["choices"][0], "delta": {"tool_calls": deltas}}
        return event({**base, "choices": [choice]}, Kind.TOOL, 1)

    if len(calls) > 1:
        yield chunk([{**call, "function": {"name": call["function"]["name"], "arguments": ""}} for call in calls])
        yield chunk([{"index": c["index"], "function": {"arguments": c["function"]["arguments"]}} for c in calls])
        return
    call = calls[0]
    name, arguments = call["function"]["name"], call["function"]["arguments"]
    half = len(name) // 2
    yield chunk([{"id": call["id"], "type": "function", "function": {"name": name[:half], "arguments": None}}])
    yield chunk([{"id": call["id"], "function": {"name": name[half:]}}])
    yield chunk([{"id": call["id"], "function": {"arguments": arguments}}])
