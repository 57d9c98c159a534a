"""The rows of ledger and payments."""
