"""Who types, and what is not read."""
