"""The rows of accounts and what belongs to a person."""
