from dataclasses import FrozenInstanceError

import pytest

from tailrace.sim import SimSettings


def test_settings_are_frozen_and_resemble_openai():
    settings = SimSettings()
    assert (settings.cache_min_tokens, settings.cache_block_tokens, settings.cache_ttl_s) == (1024, 128, 300)
    with pytest.raises(FrozenInstanceError):
        settings.seed = 1
