"""Named sets of plugins: what stands in the chain when nothing is said, and the settings that go with it. Pure data.

Explicit values win: a `plugins` section is the chain, whatever the preset; a plugin in it takes the preset's settings
where it has none of its own.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

Preset = Literal["off", "safe", "balanced", "max_speed"]
Entries = Sequence[Mapping[str, Mapping[str, Any] | None]]

PRESETS: Final[Mapping[Preset, tuple[tuple[str, Mapping[str, Any]], ...]]] = {
    "off": (),
    "safe": (("exact_cache", {"when": "deterministic", "ttl": 3600.0}), ("router", {}), ("compress", {})),
    "balanced": (
        ("exact_cache", {"when": "all", "ttl": 300.0}),
        ("semantic_cache", {"ttl": 3600.0, "max_false_hit_rate": 0.01, "shadow_share": 0.02}),
        ("router", {}),
        ("compress", {"long_results": True, "retrieval": True}),
    ),
    "max_speed": (
        ("exact_cache", {"when": "all", "ttl": 3600.0}),
        ("semantic_cache", {"ttl": 3600.0, "max_false_hit_rate": 0.03, "shadow_share": 0.0}),
        ("router", {"prefer": "speed", "act_on": "listed"}),
        (
            "compress",
            {
                "grouped": True,
                "numbers": True,
                "test_noise": True,
                "long_results": True,
                "retrieval": True,
                "definitions": "shortened",
                "prompts": True,
                "history": {"enabled": True},
            },
        ),
    ),
}


def chain_of(preset: Preset, plugins: Entries | None) -> Entries:
    """The entries of the chain: those of the preset where `plugins` is not given, else `plugins` filled up by it."""
    given = dict(PRESETS[preset])
    if plugins is None:
        return [{name: settings} for name, settings in given.items()]
    return [
        {name: {**given[name], **(settings or {})} if name in given else settings for name, settings in entry.items()}
        for entry in plugins
    ]
