"""What is done for people by the clock."""
