"""`brainbox autograd`."""
