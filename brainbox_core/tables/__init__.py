"""From a table in a file to columns of numbers."""
