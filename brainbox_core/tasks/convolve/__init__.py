"""Filtering a picture with a kernel."""
