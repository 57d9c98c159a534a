"""The card adapter against providers that misbehave."""
