"""What clients may look for."""
