"""Logs, metrics and traces; knows nothing of the marketplace."""
