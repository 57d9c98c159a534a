"""Adapters to the outside; foreign exceptions are turned into ours here and nowhere else."""
