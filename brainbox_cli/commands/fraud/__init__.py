"""`brainbox fraud`."""
