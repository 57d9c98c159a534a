"""What clients may ask about conversations, messages and presence."""
