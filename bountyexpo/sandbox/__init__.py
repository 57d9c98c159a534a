"""Embedded stand-ins, so that one command runs the whole product."""
