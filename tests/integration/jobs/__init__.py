"""Jobs on a real database."""
