"""Models of texts in C."""
