"""Models of the rows of a table in C."""
