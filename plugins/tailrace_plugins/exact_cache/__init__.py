"""Answers a request that was asked before, exactly so; equal requests under way share one call."""
