"""Fewer tokens to the provider: each message is made smaller once, when it first appears, and then sent the same."""
