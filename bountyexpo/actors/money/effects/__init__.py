"""What the decisions of the money machines do: a table of handlers for each."""
