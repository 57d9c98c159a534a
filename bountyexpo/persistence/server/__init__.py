"""The server of the database: where it is, what it is, and that it is ours."""
