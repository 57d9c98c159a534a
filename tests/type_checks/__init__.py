"""What the type checker has to say about right and wrong uses; ``make type`` reads these files."""
