"""The client side: the server's protocol, the handler, delivery, and the operator's port."""
