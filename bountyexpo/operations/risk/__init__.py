"""What clients may ask about what should not be."""
