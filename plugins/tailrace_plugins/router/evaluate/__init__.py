"""`tailrace eval router` and `tailrace router train`: how good the routing is on questions whose outcomes are known."""
