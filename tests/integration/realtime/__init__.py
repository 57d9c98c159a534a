"""Who hears what, on the real database."""
