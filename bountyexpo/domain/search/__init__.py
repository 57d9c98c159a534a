"""Texts and questions as they are compared."""
