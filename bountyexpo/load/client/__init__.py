"""The load generator's own HTTP and socket client."""
