"""The HTTP side of the edge: Quart application, problem details, pages, webhooks."""
