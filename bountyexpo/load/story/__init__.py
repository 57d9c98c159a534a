"""Stories of the product, each told from its beginning to its end: the demo, and a load."""
