"""Plugin `limits`: how much a tenant may ask for, and all of them together."""
