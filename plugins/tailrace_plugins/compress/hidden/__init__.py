"""Tools that the proxy offers the model and answers itself; the client never sees them."""
