"""What the router decides, without IO: tiers, guards, the economy of sticky sessions, signs of failure, savings."""
