"""Looks at a machine and its settings before, or while, the service runs there."""
