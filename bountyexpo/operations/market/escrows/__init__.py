"""The price of a bounty: locked, released, given back."""
