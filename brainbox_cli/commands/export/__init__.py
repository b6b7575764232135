"""`brainbox export`."""
