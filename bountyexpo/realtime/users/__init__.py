"""Whether people are there, and when they were last seen."""
