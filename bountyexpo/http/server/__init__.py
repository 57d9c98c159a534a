"""Two ways to serve HTTP: the fast path for operations, and Hypercorn for everything else."""
