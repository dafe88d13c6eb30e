"""Nothing here depends on an absolute speed: examples have no deadline, also on a busy machine."""

import pytest
from hypothesis import settings

from tailrace.testing import ManualClock, plugin, services
from tailrace_plugins.exact_cache.plugin import ExactCachePlugin

settings.register_profile("exact_cache", deadline=None)
settings.load_profile("exact_cache")


@pytest.fixture
def cache(tmp_path):
    """Make started plugins: `await cache(clock=..., **settings)`. Without a file unless `disk=True` is said."""

    async def make(*, clock=None, lent=None, **given):
        lent = lent or services(clock=clock, data_dir=tmp_path)
        made = plugin(ExactCachePlugin, {"disk": False, **given}, services=lent)
        await made.start()
        return made

    return make


@pytest.fixture
def clock():
    return ManualClock()
