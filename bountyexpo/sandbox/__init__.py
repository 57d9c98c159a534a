"""Emulators of the outside, so that one command runs the whole product on an empty machine."""
