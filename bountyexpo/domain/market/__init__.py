"""The rules of bounties, applications, completion, cancellation and disputes."""
