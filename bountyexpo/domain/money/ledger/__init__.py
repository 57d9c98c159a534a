"""Double entry: accounts, transfers, and the business events that make them."""
