"""What sockets say of typing, and hear of what is not read."""
