"""The rows of bounties, applications and submissions."""
