"""The socket protocol, version 1: its frames, and what each of them does."""
