"""Decisions on disk, so that they outlast a process and are shared by those of one host."""
