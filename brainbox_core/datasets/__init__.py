"""The built-in and the downloaded data, by name."""
