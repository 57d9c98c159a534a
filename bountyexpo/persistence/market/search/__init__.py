"""The search index of bounties, and what is found by it."""
