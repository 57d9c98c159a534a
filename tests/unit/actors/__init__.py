"""Parts of the actors without a database."""
