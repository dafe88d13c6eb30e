"""Texts to vectors, never in the proxy's way: a model in a process of its own, or an endpoint.

Imports without the `semantic` extra: neither numpy nor torch is loaded here, and vectors travel as bytes.
"""

# First: whoever enters by this door must find `tailrace.config` complete, since its models import `embed.settings`.
import tailrace.config  # noqa: F401
from tailrace.clock import Clock
from tailrace.embed.embedder import Embedder, EmbedderUnavailable, Reason, State
from tailrace.embed.settings import EmbedderSettings
from tailrace.tasks import Tasks

__all__ = ["Embedder", "EmbedderSettings", "EmbedderUnavailable", "Reason", "State", "make_embedder"]


def make_embedder(settings: EmbedderSettings, tasks: Tasks, clock: Clock) -> Embedder:
    """The embedder that `settings` ask for, not yet started: its state is `off`."""
    if settings.base_url is not None:
        from tailrace.embed.remote import RemoteEmbedder

        return RemoteEmbedder(settings, tasks, clock)
    from tailrace.embed.local import LocalEmbedder

    return LocalEmbedder(settings, tasks, clock)
