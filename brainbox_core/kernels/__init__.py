"""Arithmetic on plain arrays, forward beside backward."""
