"""The `brainbox` command: parse, call the library, show."""
