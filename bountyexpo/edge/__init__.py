"""The one listening port: whose request it is, decided by its head, and refusals before that."""
