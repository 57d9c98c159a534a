"""What bounties are found by."""
