"""The plugins that ship with Tailrace, each by the public door."""
