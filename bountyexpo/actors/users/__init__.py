"""The owner of an account."""
