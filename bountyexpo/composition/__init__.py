"""The composition root in pieces: what belongs together is built, and supervised, together."""
