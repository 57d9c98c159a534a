"""Pure rules of the marketplace: no await, no I/O, no clock, no randomness but in ids."""
