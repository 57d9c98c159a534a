"""The server of the database, as poolers and odd databases show it."""
