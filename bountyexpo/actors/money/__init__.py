"""The owners of deposits, and the way of the provider's events to them."""
