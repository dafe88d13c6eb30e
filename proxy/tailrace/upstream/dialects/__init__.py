"""How each family of providers is spoken to."""
