"""`brainbox convolve`."""
