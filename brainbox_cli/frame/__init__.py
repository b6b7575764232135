"""The two shapes of a command, and the one way out of both."""
