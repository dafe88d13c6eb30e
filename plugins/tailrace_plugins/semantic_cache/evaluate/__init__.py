"""`tailrace eval cache`: how often the semantic cache is right on pairs of questions."""
