"""Money as the people of the product see it."""
