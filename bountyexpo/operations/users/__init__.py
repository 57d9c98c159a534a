"""What clients may ask about accounts, sign-in, blocks and keys."""
