"""The market as its people see it."""
