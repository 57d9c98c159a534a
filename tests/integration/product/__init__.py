"""The whole product as a process of its own: its story, and what it refuses."""
