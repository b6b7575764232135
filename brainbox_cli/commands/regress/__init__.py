"""`brainbox regress`."""
