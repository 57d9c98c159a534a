"""One owner per entity: load, decide, commit, reply, publish."""
