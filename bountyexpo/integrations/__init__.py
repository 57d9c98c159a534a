"""Adapters to the outside, one per provider."""
