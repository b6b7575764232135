"""`brainbox descent`."""
