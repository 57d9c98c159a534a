"""What sockets say and hear of the presence of people."""
