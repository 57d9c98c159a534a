"""One story of the product, told from its beginning to its end: the demo, and a load."""
