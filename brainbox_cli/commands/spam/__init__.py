"""`brainbox spam`."""
