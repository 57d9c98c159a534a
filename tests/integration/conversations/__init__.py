"""Conversations on a real database: actors, journal, streams."""
