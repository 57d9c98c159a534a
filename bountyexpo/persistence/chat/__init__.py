"""The rows of conversations, and the journal that commits messages."""
