"""The rules of accounts and of what belongs to a person."""
