"""The client behind a socket: who it is, what it hears, what it may miss and still get."""
