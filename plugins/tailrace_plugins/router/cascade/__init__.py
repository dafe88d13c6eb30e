"""The cheap model answers first; what its answer is worth decides whether the client gets it."""
