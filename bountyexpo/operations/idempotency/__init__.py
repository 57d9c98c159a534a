"""Repeated requests: what recognises one, and what it gets."""
