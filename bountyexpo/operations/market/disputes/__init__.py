"""What clients may ask about disputes: the sides, and the admins who judge."""
