"""The stories that can be told: one module for each, of steps that they share and of their own."""
