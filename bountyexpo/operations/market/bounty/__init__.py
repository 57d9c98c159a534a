"""What is done with a bounty itself: posted, changed, taken, completed, put away, told of."""
