"""The owner of a bounty with its applications, its work and its escrow."""
