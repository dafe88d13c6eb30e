"""Answers a request from the stored answer to another one that asks the same."""
