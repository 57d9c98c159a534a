"""What clients may ask about bounties, applications and work."""
