"""Nothing here depends on an absolute speed: examples have no deadline, also on a busy machine."""

from hypothesis import settings

settings.register_profile("cache", deadline=None)
settings.load_profile("cache")
