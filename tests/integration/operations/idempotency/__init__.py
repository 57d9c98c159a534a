"""Repeated requests over a database."""
