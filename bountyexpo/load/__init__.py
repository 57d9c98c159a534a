"""Clients that speak only the public wire: the demo, and the load generator."""
