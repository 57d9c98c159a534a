"""What sessions can do beyond the protocol itself: a file for each feature."""
