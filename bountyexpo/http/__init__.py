"""The HTTP side of the edge: Quart application, problem details, pages, webhooks."""
# Inside our package the name shadows nothing.
# ruff: noqa: A005
