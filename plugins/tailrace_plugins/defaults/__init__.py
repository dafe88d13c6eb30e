"""What an operator sets in requests by rule: limits on output and history, default, forced and removed parameters."""
