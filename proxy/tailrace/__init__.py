"""Tailrace: an OpenAI-compatible proxy for agents."""
