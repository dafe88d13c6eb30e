"""What goes over the wire, as pure functions: JSON, server-sent events, usage, assembly of streams.

Nothing in here opens a socket, reads a clock or knows a plugin. Everything is linear in its input.
"""
