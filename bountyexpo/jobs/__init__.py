"""What runs by the clock: the branch of the tree that holds the scheduled jobs."""
