"""The owner of a conversation, and how conversations are opened."""
