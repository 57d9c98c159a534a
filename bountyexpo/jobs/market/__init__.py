"""Jobs about bounties."""
