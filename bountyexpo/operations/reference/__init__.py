"""What the catalogue says of itself: the OpenAPI page and the socket reference."""
